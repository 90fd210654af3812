"""create the tables

Revision ID: 0001
Revises: 
"""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_entry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('event', sa.String(), nullable=False),
    sa.Column('actor_type', sa.String(), nullable=False),
    sa.Column('actor_id', sa.Integer(), nullable=True),
    sa.Column('subject_type', sa.String(), nullable=False),
    sa.Column('subject_id', sa.Integer(), nullable=True),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entry'))
    )
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.create_index('ix_audit_entry_actor', ['actor_type', 'actor_id', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_entry_at'), ['at'], unique=False)
        batch_op.create_index('ix_audit_entry_event', ['event', 'id'], unique=False)
        batch_op.create_index('ix_audit_entry_subject', ['subject_type', 'subject_id', 'id'], unique=False)

    op.create_table('cause',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('name', sa.JSON(), nullable=False),
    sa.Column('parent_id', sa.Integer(), nullable=True),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['parent_id'], ['cause.id'], name=op.f('fk_cause_parent_id_cause')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cause')),
    sa.UniqueConstraint('key', name=op.f('uq_cause_key'))
    )
    with op.batch_alter_table('cause', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_cause_parent_id'), ['parent_id'], unique=False)

    op.create_table('daily_tally',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('survey_id', sa.Integer(), nullable=False),
    sa.Column('local_date', sa.Date(), nullable=False),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('touchpoint_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('segment_id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('basis', sa.String(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('promoters', sa.Integer(), nullable=False),
    sa.Column('passives', sa.Integer(), nullable=False),
    sa.Column('detractors', sa.Integer(), nullable=False),
    sa.Column('with_comment', sa.Integer(), nullable=False),
    sa.Column('s0', sa.Integer(), nullable=False),
    sa.Column('s1', sa.Integer(), nullable=False),
    sa.Column('s2', sa.Integer(), nullable=False),
    sa.Column('s3', sa.Integer(), nullable=False),
    sa.Column('s4', sa.Integer(), nullable=False),
    sa.Column('s5', sa.Integer(), nullable=False),
    sa.Column('s6', sa.Integer(), nullable=False),
    sa.Column('s7', sa.Integer(), nullable=False),
    sa.Column('s8', sa.Integer(), nullable=False),
    sa.Column('s9', sa.Integer(), nullable=False),
    sa.Column('s10', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_daily_tally'))
    )
    with op.batch_alter_table('daily_tally', schema=None) as batch_op:
        batch_op.create_index('ix_daily_tally_day', ['survey_id', 'local_date'], unique=False)
        batch_op.create_index('ix_daily_tally_region', ['region_id', 'local_date'], unique=False)

    op.create_table('heartbeat',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('beat_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('holder', sa.String(), nullable=False),
    sa.Column('held_until', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('id = 1', name=op.f('ck_heartbeat_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_heartbeat'))
    )
    op.create_table('link_event',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('invitation_id', sa.Integer(), nullable=False),
    sa.Column('step_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('act', sa.Enum('opened', 'prefetched', name='act', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('score', sa.Integer(), nullable=True),
    sa.Column('network', sa.String(), nullable=False),
    sa.Column('agent', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_link_event'))
    )
    with op.batch_alter_table('link_event', schema=None) as batch_op:
        batch_op.create_index('ix_link_event_at', ['at'], unique=False)
        batch_op.create_index('ix_link_event_invitation', ['invitation_id', 'at'], unique=False)

    op.create_table('login_attempt',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_attempt'))
    )
    with op.batch_alter_table('login_attempt', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_attempt_at'), ['at'], unique=False)
        batch_op.create_index('ix_login_attempt_key', ['key', 'at'], unique=False)

    op.create_table('outage',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('since < until', name=op.f('ck_outage_forward')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outage'))
    )
    with op.batch_alter_table('outage', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_outage_since'), ['since'], unique=False)

    op.create_table('pause',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('everything', 'brand', 'region', 'survey', 'sender', name='kind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('ref_id', sa.Integer(), nullable=True),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('by_user_id', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pause'))
    )
    with op.batch_alter_table('pause', schema=None) as batch_op:
        batch_op.create_index('ix_pause_open', ['until'], unique=False)

    op.create_table('performer_tally',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('survey_id', sa.Integer(), nullable=False),
    sa.Column('local_date', sa.Date(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('performer_id', sa.Integer(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('promoters', sa.Integer(), nullable=False),
    sa.Column('passives', sa.Integer(), nullable=False),
    sa.Column('detractors', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_performer_tally'))
    )
    with op.batch_alter_table('performer_tally', schema=None) as batch_op:
        batch_op.create_index('ix_performer_tally_day', ['survey_id', 'local_date'], unique=False)
        batch_op.create_index('ix_performer_tally_performer', ['performer_id', 'local_date'], unique=False)

    op.create_table('pool',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pool'))
    )
    op.create_table('user',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('role', sa.Enum('administrator', 'analyst', 'manager', 'support', name='role', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('password_hash', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_login_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('blocked_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user')),
    sa.UniqueConstraint('email', name=op.f('uq_user_email'))
    )
    op.create_table('brand',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pool_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('name', sa.JSON(), nullable=False),
    sa.Column('phrase', sa.JSON(), nullable=False),
    sa.Column('accent', sa.String(), nullable=False),
    sa.Column('group_colours', sa.Boolean(), nullable=False),
    sa.Column('logo', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('contact_email', sa.String(), nullable=False),
    sa.Column('postal_address', sa.JSON(), nullable=False),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['pool_id'], ['pool.id'], name=op.f('fk_brand_pool_id_pool')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_brand')),
    sa.UniqueConstraint('key', name=op.f('uq_brand_key'))
    )
    with op.batch_alter_table('brand', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_brand_pool_id'), ['pool_id'], unique=False)

    op.create_table('region',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pool_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('name', sa.JSON(), nullable=False),
    sa.Column('aliases', sa.JSON(), nullable=False),
    sa.Column('parent_id', sa.Integer(), nullable=True),
    sa.Column('timezone', sa.String(), nullable=True),
    sa.Column('language', sa.String(), nullable=True),
    sa.Column('workdays', sa.String(), nullable=False),
    sa.Column('work_from', sa.Time(), nullable=False),
    sa.Column('work_until', sa.Time(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['parent_id'], ['region.id'], name=op.f('fk_region_parent_id_region')),
    sa.ForeignKeyConstraint(['pool_id'], ['pool.id'], name=op.f('fk_region_pool_id_pool')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_region')),
    sa.UniqueConstraint('key', name=op.f('uq_region_key'))
    )
    with op.batch_alter_table('region', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_region_parent_id'), ['parent_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_region_pool_id'), ['pool_id'], unique=False)

    op.create_table('segment',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pool_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('name', sa.JSON(), nullable=False),
    sa.Column('aliases', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['pool_id'], ['pool.id'], name=op.f('fk_segment_pool_id_pool')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_segment')),
    sa.UniqueConstraint('pool_id', 'key', name=op.f('uq_segment_pool_id_key'))
    )
    op.create_table('staff_letter',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('slot', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_staff_letter_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff_letter')),
    sa.UniqueConstraint('user_id', 'kind', 'slot', name=op.f('uq_staff_letter_user_id_kind_slot'))
    )
    with op.batch_alter_table('staff_letter', schema=None) as batch_op:
        batch_op.create_index('ix_staff_letter_user', ['user_id', 'at'], unique=False)

    op.create_table('touchpoint',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pool_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('name', sa.JSON(), nullable=False),
    sa.Column('aliases', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['pool_id'], ['pool.id'], name=op.f('fk_touchpoint_pool_id_pool')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_touchpoint')),
    sa.UniqueConstraint('pool_id', 'key', name=op.f('uq_touchpoint_pool_id_key'))
    )
    op.create_table('user_session',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('remember', sa.Boolean(), nullable=False),
    sa.Column('agent', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_user_session_user_id_user'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_session')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_user_session_token_hash'))
    )
    with op.batch_alter_table('user_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_user_session_user_id'), ['user_id'], unique=False)

    op.create_table('customer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pool_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('name_key', sa.String(), nullable=False),
    sa.Column('is_firm', sa.Boolean(), nullable=False),
    sa.Column('address_as', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=True),
    sa.Column('timezone', sa.String(), nullable=True),
    sa.Column('region_id', sa.Integer(), nullable=True),
    sa.Column('is_key', sa.Boolean(), nullable=False),
    sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('merged_into_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['merged_into_id'], ['customer.id'], name=op.f('fk_customer_merged_into_id_customer')),
    sa.ForeignKeyConstraint(['pool_id'], ['pool.id'], name=op.f('fk_customer_pool_id_pool')),
    sa.ForeignKeyConstraint(['region_id'], ['region.id'], name=op.f('fk_customer_region_id_region')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer'))
    )
    with op.batch_alter_table('customer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_customer_merged_into_id'), ['merged_into_id'], unique=False)
        batch_op.create_index('ix_customer_name_key', ['pool_id', 'name_key'], unique=False)
        batch_op.create_index(batch_op.f('ix_customer_region_id'), ['region_id'], unique=False)

    op.create_table('duty',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pool_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=True),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['pool_id'], ['pool.id'], name=op.f('fk_duty_pool_id_pool')),
    sa.ForeignKeyConstraint(['region_id'], ['region.id'], name=op.f('fk_duty_region_id_region')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_duty_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_duty')),
    sa.UniqueConstraint('pool_id', 'region_id', name=op.f('uq_duty_pool_id_region_id'))
    )
    with op.batch_alter_table('duty', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_duty_region_id'), ['region_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_duty_user_id'), ['user_id'], unique=False)

    op.create_table('holiday',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=True),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('name', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['region_id'], ['region.id'], name=op.f('fk_holiday_region_id_region')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_holiday'))
    )
    with op.batch_alter_table('holiday', schema=None) as batch_op:
        batch_op.create_index('ix_holiday_day', ['day'], unique=False)

    op.create_table('sender',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.Enum('email', 'sms', 'phone', name='channel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('name', sa.JSON(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('reply_to', sa.String(), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_sender_brand_id_brand')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sender'))
    )
    with op.batch_alter_table('sender', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sender_brand_id'), ['brand_id'], unique=False)

    op.create_table('source',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('kind', sa.Enum('file', 'demo', name='kind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('touchpoint_id', sa.Integer(), nullable=True),
    sa.Column('ids_are_persons', sa.Boolean(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('grounds', sa.JSON(), nullable=False),
    sa.Column('grounds_set_by_id', sa.Integer(), nullable=True),
    sa.Column('mapping', sa.JSON(), nullable=False),
    sa.Column('live_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('live_from', sa.Date(), nullable=True),
    sa.Column('first_day_cap', sa.Integer(), nullable=True),
    sa.Column('outbox_confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_source_brand_id_brand')),
    sa.ForeignKeyConstraint(['grounds_set_by_id'], ['user.id'], name=op.f('fk_source_grounds_set_by_id_user')),
    sa.ForeignKeyConstraint(['touchpoint_id'], ['touchpoint.id'], name=op.f('fk_source_touchpoint_id_touchpoint')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_source')),
    sa.UniqueConstraint('name', name=op.f('uq_source_name'))
    )
    op.create_table('suppression',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.Enum('email', 'sms', 'phone', name='channel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('brand_id', sa.Integer(), nullable=True),
    sa.Column('reason', sa.Enum('unsubscribed', 'bounced', 'complaint', 'not_mine', 'by_hand', name='reason', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_suppression_brand_id_brand')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_suppression'))
    )
    with op.batch_alter_table('suppression', schema=None) as batch_op:
        batch_op.create_index('ix_suppression_address', ['channel', 'address'], unique=False)

    op.create_table('survey',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('touchpoint_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('state', sa.Enum('draft', 'active', 'paused', name='state', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('version_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_survey_brand_id_brand')),
    sa.ForeignKeyConstraint(['touchpoint_id'], ['touchpoint.id'], name=op.f('fk_survey_touchpoint_id_touchpoint')),
    sa.ForeignKeyConstraint(['version_id'], ['survey_version.id'], name=op.f('fk_survey_version_id_survey_version'), use_alter=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_survey'))
    )
    with op.batch_alter_table('survey', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_survey_touchpoint_id'), ['touchpoint_id'], unique=False)
        batch_op.create_index('uq_survey_active', ['brand_id', 'touchpoint_id'], unique=True, sqlite_where=sa.text("state = 'active'"), postgresql_where=sa.text("state = 'active'"))

    op.create_table('unit',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('name', sa.JSON(), nullable=False),
    sa.Column('aliases', sa.JSON(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=True),
    sa.Column('confirmed', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_unit_brand_id_brand')),
    sa.ForeignKeyConstraint(['region_id'], ['region.id'], name=op.f('fk_unit_region_id_region')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unit')),
    sa.UniqueConstraint('brand_id', 'key', name=op.f('uq_unit_brand_id_key'))
    )
    with op.batch_alter_table('unit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_unit_region_id'), ['region_id'], unique=False)

    op.create_table('user_region',
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['region_id'], ['region.id'], name=op.f('fk_user_region_region_id_region')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_user_region_user_id_user'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', 'region_id', name=op.f('pk_user_region'))
    )
    with op.batch_alter_table('user_region', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_user_region_region_id'), ['region_id'], unique=False)

    op.create_table('case',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('recovery', name='kind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=True),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=True),
    sa.Column('owner_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('new', 'acknowledged', 'attempted', 'contacted', 'reopened', 'settled', 'closed', name='state', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('score', sa.Integer(), nullable=False),
    sa.Column('hot', sa.Boolean(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('clock_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('acknowledge_by', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempt_by', sa.DateTime(timezone=True), nullable=False),
    sa.Column('contact_by', sa.DateTime(timezone=True), nullable=False),
    sa.Column('settle_by', sa.DateTime(timezone=True), nullable=False),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('first_attempt_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('contacted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_by_id', sa.Integer(), nullable=True),
    sa.Column('call_back_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cause_id', sa.Integer(), nullable=True),
    sa.Column('outcome', sa.Enum('saved', 'not_saved', 'unreachable', 'no_case', 'score_changed', name='outcome', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('outcome_text', sa.Text(), nullable=False),
    sa.Column('owner_told_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_case_brand_id_brand')),
    sa.ForeignKeyConstraint(['cause_id'], ['cause.id'], name=op.f('fk_case_cause_id_cause')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_case_customer_id_customer')),
    sa.ForeignKeyConstraint(['owner_id'], ['user.id'], name=op.f('fk_case_owner_id_user')),
    sa.ForeignKeyConstraint(['region_id'], ['region.id'], name=op.f('fk_case_region_id_region')),
    sa.ForeignKeyConstraint(['settled_by_id'], ['user.id'], name=op.f('fk_case_settled_by_id_user')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_case_unit_id_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case'))
    )
    with op.batch_alter_table('case', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_cause_id'), ['cause_id'], unique=False)
        batch_op.create_index('ix_case_due', ['state', 'due_at', 'score'], unique=False)
        batch_op.create_index('ix_case_owner', ['owner_id', 'state', 'due_at'], unique=False)
        batch_op.create_index('ix_case_region', ['region_id', 'state', 'due_at'], unique=False)
        batch_op.create_index('uq_case_open', ['customer_id', 'kind'], unique=True, sqlite_where=sa.text("state NOT IN ('settled','closed')"), postgresql_where=sa.text("state NOT IN ('settled','closed')"))

    op.create_table('contact_fact',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('invited', 'answered', 'refused', 'called', name='kind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('survey_id', sa.Integer(), nullable=True),
    sa.Column('touchpoint_id', sa.Integer(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('exempt', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_contact_fact_customer_id_customer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_fact'))
    )
    with op.batch_alter_table('contact_fact', schema=None) as batch_op:
        batch_op.create_index('ix_contact_fact_customer', ['customer_id', 'kind', 'at'], unique=False)

    op.create_table('contact_point',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('pool_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('email', 'phone', name='kind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('value', sa.String(), nullable=False),
    sa.Column('shared', sa.Boolean(), nullable=False),
    sa.Column('not_mine_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_contact_point_customer_id_customer')),
    sa.ForeignKeyConstraint(['pool_id'], ['pool.id'], name=op.f('fk_contact_point_pool_id_pool')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_point')),
    sa.UniqueConstraint('customer_id', 'kind', 'value', name=op.f('uq_contact_point_customer_id_kind_value'))
    )
    with op.batch_alter_table('contact_point', schema=None) as batch_op:
        batch_op.create_index('ix_contact_point_value', ['pool_id', 'kind', 'value'], unique=False)

    op.create_table('dirty_day',
    sa.Column('survey_id', sa.Integer(), nullable=False),
    sa.Column('local_date', sa.Date(), nullable=False),
    sa.ForeignKeyConstraint(['survey_id'], ['survey.id'], name=op.f('fk_dirty_day_survey_id_survey')),
    sa.PrimaryKeyConstraint('survey_id', 'local_date', name=op.f('pk_dirty_day'))
    )
    op.create_table('hold',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('reason', sa.Enum('unsubscribed', 'later', 'refused', 'open_case', 'complaint', 'staff', 'by_hand', name='reason', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_hold_customer_id_customer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hold'))
    )
    with op.batch_alter_table('hold', schema=None) as batch_op:
        batch_op.create_index('ix_hold_customer', ['customer_id'], unique=False)

    op.create_table('import_batch',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.Column('file_name', sa.String(), nullable=False),
    sa.Column('stored_as', sa.String(), nullable=False),
    sa.Column('sha256', sa.String(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('uploaded', 'staging', 'staged', 'applying', 'done', 'refused', 'undone', name='state', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('columns', sa.JSON(), nullable=False),
    sa.Column('options', sa.JSON(), nullable=False),
    sa.Column('unmapped', sa.JSON(), nullable=False),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('applied', sa.Integer(), nullable=False),
    sa.Column('accepted', sa.Integer(), nullable=False),
    sa.Column('updated', sa.Integer(), nullable=False),
    sa.Column('unchanged', sa.Integer(), nullable=False),
    sa.Column('rejected', sa.Integer(), nullable=False),
    sa.Column('no_address', sa.Integer(), nullable=False),
    sa.Column('error', sa.String(), nullable=False),
    sa.Column('error_values', sa.JSON(), nullable=False),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_by_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['created_by_id'], ['user.id'], name=op.f('fk_import_batch_created_by_id_user')),
    sa.ForeignKeyConstraint(['source_id'], ['source.id'], name=op.f('fk_import_batch_source_id_source')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_batch'))
    )
    with op.batch_alter_table('import_batch', schema=None) as batch_op:
        batch_op.create_index('ix_import_batch_open', ['state'], unique=False, sqlite_where=sa.text("state IN ('uploaded','staging','applying')"), postgresql_where=sa.text("state IN ('uploaded','staging','applying')"))
        batch_op.create_index(batch_op.f('ix_import_batch_source_id'), ['source_id'], unique=False)

    op.create_table('invitation_policy',
    sa.Column('survey_id', sa.Integer(), nullable=False),
    sa.Column('delay_hours', sa.Integer(), nullable=False),
    sa.Column('window_from', sa.Time(), nullable=False),
    sa.Column('window_until', sa.Time(), nullable=False),
    sa.Column('weekdays', sa.String(), nullable=False),
    sa.Column('same_survey_days', sa.Integer(), nullable=False),
    sa.Column('other_days', sa.Integer(), nullable=False),
    sa.Column('latest_days', sa.Integer(), nullable=False),
    sa.Column('valid_days', sa.Integer(), nullable=False),
    sa.CheckConstraint('delay_hours >= 0', name=op.f('ck_invitation_policy_delay_not_negative')),
    sa.CheckConstraint('latest_days >= 1 AND valid_days >= 1', name=op.f('ck_invitation_policy_at_least_a_day')),
    sa.CheckConstraint('same_survey_days >= 0 AND other_days >= 0', name=op.f('ck_invitation_policy_quarantine_not_negative')),
    sa.ForeignKeyConstraint(['survey_id'], ['survey.id'], name=op.f('fk_invitation_policy_survey_id_survey')),
    sa.PrimaryKeyConstraint('survey_id', name=op.f('pk_invitation_policy'))
    )
    op.create_table('message',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('purpose', sa.Enum('invitation', 'reminder', 'staff', 'password', 'test', name='purpose', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('channel', sa.Enum('email', 'sms', 'phone', name='channel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('sender_id', sa.Integer(), nullable=False),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=True),
    sa.Column('survey_id', sa.Integer(), nullable=True),
    sa.Column('to_user_id', sa.Integer(), nullable=True),
    sa.Column('to_address', sa.String(), nullable=False),
    sa.Column('to_name', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('html', sa.Text(), nullable=False),
    sa.Column('unsubscribe_url', sa.String(), nullable=False),
    sa.Column('message_id', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('useful_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('state', sa.Enum('queued', 'claimed', 'sending', 'sent', 'unknown', 'failed', 'expired', 'cancelled', 'delivered', 'bounced', name='state', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('batch_id', sa.String(), nullable=False),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('repeats', sa.Integer(), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('error', sa.String(), nullable=False),
    sa.Column('recheck', sa.Boolean(), nullable=False),
    sa.CheckConstraint("state <> 'sent' OR sent_at IS NOT NULL", name=op.f('ck_message_sent_has_a_time')),
    sa.ForeignKeyConstraint(['sender_id'], ['sender.id'], name=op.f('fk_message_sender_id_sender')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message')),
    sa.UniqueConstraint('message_id', name=op.f('uq_message_message_id'))
    )
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.create_index('ix_message_batch', ['batch_id'], unique=False, sqlite_where=sa.text("batch_id <> ''"), postgresql_where=sa.text("batch_id <> ''"))
        batch_op.create_index('ix_message_due', ['state', 'due_at'], unique=False, sqlite_where=sa.text("state IN ('queued','claimed','sending','unknown')"), postgresql_where=sa.text("state IN ('queued','claimed','sending','unknown')"))
        batch_op.create_index('ix_message_log', ['state', 'id'], unique=False)
        batch_op.create_index('ix_message_purpose', ['purpose', 'to_user_id', 'created_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_message_sender_id'), ['sender_id'], unique=False)

    op.create_table('performer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=True),
    sa.Column('confirmed', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_performer_brand_id_brand')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_performer_unit_id_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_performer')),
    sa.UniqueConstraint('brand_id', 'key', name=op.f('uq_performer_brand_id_key'))
    )
    with op.batch_alter_table('performer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_performer_unit_id'), ['unit_id'], unique=False)

    op.create_table('sender_rate',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('sender_id', sa.Integer(), nullable=False),
    sa.Column('domain', sa.String(), nullable=False),
    sa.Column('next_free_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['sender_id'], ['sender.id'], name=op.f('fk_sender_rate_sender_id_sender')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sender_rate')),
    sa.UniqueConstraint('sender_id', 'domain', name=op.f('uq_sender_rate_sender_id_domain'))
    )
    op.create_table('step_text',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('survey_id', sa.Integer(), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('channel', sa.Enum('email', 'sms', 'phone', name='channel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('before', sa.String(), nullable=False),
    sa.Column('after', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['survey_id'], ['survey.id'], name=op.f('fk_step_text_survey_id_survey')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_step_text')),
    sa.UniqueConstraint('survey_id', 'step', 'channel', 'language', name=op.f('uq_step_text_survey_id_step_channel_language'))
    )
    op.create_table('survey_version',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('survey_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('content', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by_id', sa.Integer(), nullable=True),
    sa.Column('frozen_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['created_by_id'], ['user.id'], name=op.f('fk_survey_version_created_by_id_user')),
    sa.ForeignKeyConstraint(['survey_id'], ['survey.id'], name=op.f('fk_survey_version_survey_id_survey')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_survey_version')),
    sa.UniqueConstraint('survey_id', 'number', name=op.f('uq_survey_version_survey_id_number'))
    )
    op.create_table('trusted_id',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.Column('external_id', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_trusted_id_customer_id_customer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trusted_id')),
    sa.UniqueConstraint('source_id', 'external_id', name=op.f('uq_trusted_id_source_id_external_id'))
    )
    with op.batch_alter_table('trusted_id', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_trusted_id_customer_id'), ['customer_id'], unique=False)

    op.create_table('case_attempt',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_id', sa.Integer(), nullable=False),
    sa.Column('result', sa.Enum('reached', 'no_answer', 'busy', 'left_message', 'call_back', 'wrong_number', name='result', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['by_id'], ['user.id'], name=op.f('fk_case_attempt_by_id_user')),
    sa.ForeignKeyConstraint(['case_id'], ['case.id'], name=op.f('fk_case_attempt_case_id_case')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_attempt'))
    )
    with op.batch_alter_table('case_attempt', schema=None) as batch_op:
        batch_op.create_index('ix_case_attempt_case', ['case_id', 'at'], unique=False)

    op.create_table('case_note',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_id', sa.Integer(), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['by_id'], ['user.id'], name=op.f('fk_case_note_by_id_user')),
    sa.ForeignKeyConstraint(['case_id'], ['case.id'], name=op.f('fk_case_note_case_id_case')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_note'))
    )
    with op.batch_alter_table('case_note', schema=None) as batch_op:
        batch_op.create_index('ix_case_note_case', ['case_id', 'at'], unique=False)

    op.create_table('ground',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('contact_point_id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.Enum('email', 'sms', 'phone', name='channel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('kind', sa.Enum('consent', 'contract', 'interest', name='kind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('set_by_id', sa.Integer(), nullable=True),
    sa.Column('proof', sa.String(), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['contact_point_id'], ['contact_point.id'], name=op.f('fk_ground_contact_point_id_contact_point')),
    sa.ForeignKeyConstraint(['set_by_id'], ['user.id'], name=op.f('fk_ground_set_by_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ground'))
    )
    with op.batch_alter_table('ground', schema=None) as batch_op:
        batch_op.create_index('ix_ground_contact_point', ['contact_point_id', 'channel'], unique=False)

    op.create_table('interaction',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.Column('external_id', sa.String(), nullable=False),
    sa.Column('batch_id', sa.Integer(), nullable=True),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('touchpoint_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=True),
    sa.Column('segment_id', sa.Integer(), nullable=True),
    sa.Column('customer_id', sa.Integer(), nullable=True),
    sa.Column('happened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('product_group', sa.String(), nullable=False),
    sa.Column('partner', sa.String(), nullable=False),
    sa.Column('amount', sa.Numeric(precision=14, scale=2), nullable=True),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('properties', sa.JSON(), nullable=False),
    sa.Column('undecided', sa.Boolean(), nullable=False),
    sa.Column('cancelled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['batch_id'], ['import_batch.id'], name=op.f('fk_interaction_batch_id_import_batch')),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_interaction_brand_id_brand')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_interaction_customer_id_customer')),
    sa.ForeignKeyConstraint(['region_id'], ['region.id'], name=op.f('fk_interaction_region_id_region')),
    sa.ForeignKeyConstraint(['segment_id'], ['segment.id'], name=op.f('fk_interaction_segment_id_segment')),
    sa.ForeignKeyConstraint(['source_id'], ['source.id'], name=op.f('fk_interaction_source_id_source')),
    sa.ForeignKeyConstraint(['touchpoint_id'], ['touchpoint.id'], name=op.f('fk_interaction_touchpoint_id_touchpoint')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_interaction_unit_id_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_interaction')),
    sa.UniqueConstraint('source_id', 'external_id', name=op.f('uq_interaction_source_id_external_id'))
    )
    with op.batch_alter_table('interaction', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_interaction_batch_id'), ['batch_id'], unique=False)
        batch_op.create_index('ix_interaction_customer', ['customer_id', 'happened_at'], unique=False)
        batch_op.create_index('ix_interaction_number', ['number'], unique=False)
        batch_op.create_index(batch_op.f('ix_interaction_region_id'), ['region_id'], unique=False)
        batch_op.create_index('ix_interaction_undecided', ['id'], unique=False, sqlite_where=sa.text('undecided'), postgresql_where=sa.text('undecided'))
        batch_op.create_index(batch_op.f('ix_interaction_unit_id'), ['unit_id'], unique=False)

    op.create_table('rejected_row',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('batch_id', sa.Integer(), nullable=False),
    sa.Column('line', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('column', sa.String(), nullable=False),
    sa.Column('value', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['batch_id'], ['import_batch.id'], name=op.f('fk_rejected_row_batch_id_import_batch'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rejected_row'))
    )
    with op.batch_alter_table('rejected_row', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_rejected_row_batch_id'), ['batch_id'], unique=False)

    op.create_table('staged_row',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('batch_id', sa.Integer(), nullable=False),
    sa.Column('line', sa.Integer(), nullable=False),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('happened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('phone', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['batch_id'], ['import_batch.id'], name=op.f('fk_staged_row_batch_id_import_batch'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staged_row')),
    sa.UniqueConstraint('batch_id', 'line', name=op.f('uq_staged_row_batch_id_line'))
    )
    op.create_table('interaction_performer',
    sa.Column('interaction_id', sa.Integer(), nullable=False),
    sa.Column('performer_id', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['interaction_id'], ['interaction.id'], name=op.f('fk_interaction_performer_interaction_id_interaction'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['performer_id'], ['performer.id'], name=op.f('fk_interaction_performer_performer_id_performer')),
    sa.PrimaryKeyConstraint('interaction_id', 'performer_id', 'role', name=op.f('pk_interaction_performer'))
    )
    with op.batch_alter_table('interaction_performer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_interaction_performer_performer_id'), ['performer_id'], unique=False)

    op.create_table('invitation',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('interaction_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=True),
    sa.Column('survey_id', sa.Integer(), nullable=True),
    sa.Column('version_id', sa.Integer(), nullable=True),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('touchpoint_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=True),
    sa.Column('state', sa.Enum('planned', 'excluded', 'handed_over', 'answered', 'expired', 'withdrawn', 'not_mine', name='state', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('reason', sa.Enum('in_trial', 'before_live', 'no_mail_server', 'no_survey', 'cancelled', 'no_address', 'no_ground', 'suppressed', 'not_mine', 'undeliverable', 'on_hold', 'quarantine', 'too_old', 'withdrawn', name='reason', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('again_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('send_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('latest_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('handed_over_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('valid_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('test', sa.Boolean(), nullable=False),
    sa.CheckConstraint("(state = 'excluded') = (reason IS NOT NULL)", name=op.f('ck_invitation_excluded_has_a_reason')),
    sa.CheckConstraint("state <> 'planned' OR send_at IS NOT NULL", name=op.f('ck_invitation_planned_has_a_time')),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_invitation_brand_id_brand')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_invitation_customer_id_customer')),
    sa.ForeignKeyConstraint(['interaction_id'], ['interaction.id'], name=op.f('fk_invitation_interaction_id_interaction')),
    sa.ForeignKeyConstraint(['region_id'], ['region.id'], name=op.f('fk_invitation_region_id_region')),
    sa.ForeignKeyConstraint(['survey_id'], ['survey.id'], name=op.f('fk_invitation_survey_id_survey')),
    sa.ForeignKeyConstraint(['touchpoint_id'], ['touchpoint.id'], name=op.f('fk_invitation_touchpoint_id_touchpoint')),
    sa.ForeignKeyConstraint(['version_id'], ['survey_version.id'], name=op.f('fk_invitation_version_id_survey_version')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitation')),
    sa.UniqueConstraint('interaction_id', name=op.f('uq_invitation_interaction_id'))
    )
    with op.batch_alter_table('invitation', schema=None) as batch_op:
        batch_op.create_index('ix_invitation_again', ['state', 'again_at'], unique=False)
        batch_op.create_index('ix_invitation_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_invitation_due', ['state', 'send_at'], unique=False)
        batch_op.create_index('ix_invitation_reason', ['reason', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_invitation_region_id'), ['region_id'], unique=False)
        batch_op.create_index('ix_invitation_sent', ['survey_id', 'sent_at'], unique=False)
        batch_op.create_index('ix_invitation_unsent', ['id'], unique=False, sqlite_where=sa.text("state = 'handed_over' AND sent_at IS NULL"), postgresql_where=sa.text("state = 'handed_over' AND sent_at IS NULL"))
        batch_op.create_index('ix_invitation_valid', ['valid_until'], unique=False, sqlite_where=sa.text("state = 'handed_over'"), postgresql_where=sa.text("state = 'handed_over'"))

    op.create_table('invitation_step',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('invitation_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('channel', sa.Enum('email', 'sms', 'phone', name='channel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('contact_point_id', sa.Integer(), nullable=False),
    sa.Column('token', sa.String(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.Enum('planned', 'handed_over', 'cancelled', name='state', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('message_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['contact_point_id'], ['contact_point.id'], name=op.f('fk_invitation_step_contact_point_id_contact_point')),
    sa.ForeignKeyConstraint(['invitation_id'], ['invitation.id'], name=op.f('fk_invitation_step_invitation_id_invitation')),
    sa.ForeignKeyConstraint(['message_id'], ['message.id'], name=op.f('fk_invitation_step_message_id_message')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitation_step')),
    sa.UniqueConstraint('invitation_id', 'number', name=op.f('uq_invitation_step_invitation_id_number')),
    sa.UniqueConstraint('message_id', name=op.f('uq_invitation_step_message_id')),
    sa.UniqueConstraint('token', name=op.f('uq_invitation_step_token'))
    )
    with op.batch_alter_table('invitation_step', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_invitation_step_contact_point_id'), ['contact_point_id'], unique=False)

    op.create_table('response',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('invitation_id', sa.Integer(), nullable=True),
    sa.Column('interaction_id', sa.Integer(), nullable=True),
    sa.Column('customer_id', sa.Integer(), nullable=True),
    sa.Column('survey_id', sa.Integer(), nullable=False),
    sa.Column('version_id', sa.Integer(), nullable=False),
    sa.Column('brand_id', sa.Integer(), nullable=False),
    sa.Column('touchpoint_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=True),
    sa.Column('segment_id', sa.Integer(), nullable=True),
    sa.Column('channel', sa.Enum('email', 'sms', 'phone', name='channel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('score', sa.Integer(), nullable=False),
    sa.Column('comment', sa.Text(), nullable=False),
    sa.Column('contact_wanted', sa.Boolean(), nullable=True),
    sa.Column('basis', sa.Enum('confirmed', 'promoted', 'provisional', name='basis', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('test', sa.Boolean(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('local_date', sa.Date(), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('acted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('voided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('void_reason', sa.String(), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('read_by_id', sa.Integer(), nullable=True),
    sa.CheckConstraint("(voided_at IS NULL) = (void_reason = '')", name=op.f('ck_response_voided_has_a_reason')),
    sa.CheckConstraint('score BETWEEN 0 AND 10', name=op.f('ck_response_score_0_to_10')),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_response_brand_id_brand')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_response_customer_id_customer')),
    sa.ForeignKeyConstraint(['interaction_id'], ['interaction.id'], name=op.f('fk_response_interaction_id_interaction')),
    sa.ForeignKeyConstraint(['invitation_id'], ['invitation.id'], name=op.f('fk_response_invitation_id_invitation')),
    sa.ForeignKeyConstraint(['read_by_id'], ['user.id'], name=op.f('fk_response_read_by_id_user')),
    sa.ForeignKeyConstraint(['region_id'], ['region.id'], name=op.f('fk_response_region_id_region')),
    sa.ForeignKeyConstraint(['segment_id'], ['segment.id'], name=op.f('fk_response_segment_id_segment')),
    sa.ForeignKeyConstraint(['survey_id'], ['survey.id'], name=op.f('fk_response_survey_id_survey')),
    sa.ForeignKeyConstraint(['touchpoint_id'], ['touchpoint.id'], name=op.f('fk_response_touchpoint_id_touchpoint')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_response_unit_id_unit')),
    sa.ForeignKeyConstraint(['version_id'], ['survey_version.id'], name=op.f('fk_response_version_id_survey_version')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_response')),
    sa.UniqueConstraint('invitation_id', name=op.f('uq_response_invitation_id'))
    )
    with op.batch_alter_table('response', schema=None) as batch_op:
        batch_op.create_index('ix_response_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_response_day', ['survey_id', 'local_date'], unique=False)
        batch_op.create_index(batch_op.f('ix_response_interaction_id'), ['interaction_id'], unique=False)
        batch_op.create_index('ix_response_newest', ['confirmed_at', 'id'], unique=False)
        batch_op.create_index('ix_response_region', ['region_id', 'confirmed_at', 'id'], unique=False)
        batch_op.create_index('ix_response_unfinished', ['finished_at', 'acted_at'], unique=False)

    op.create_table('case_response',
    sa.Column('response_id', sa.Integer(), nullable=False),
    sa.Column('case_id', sa.Integer(), nullable=False),
    sa.Column('looked_at_revision', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['case.id'], name=op.f('fk_case_response_case_id_case')),
    sa.ForeignKeyConstraint(['response_id'], ['response.id'], name=op.f('fk_case_response_response_id_response')),
    sa.PrimaryKeyConstraint('response_id', name=op.f('pk_case_response'))
    )
    with op.batch_alter_table('case_response', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_response_case_id'), ['case_id'], unique=False)

    op.create_table('disputed_answer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('response_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('score', sa.Integer(), nullable=False),
    sa.Column('comment', sa.Text(), nullable=False),
    sa.Column('applied_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['response_id'], ['response.id'], name=op.f('fk_disputed_answer_response_id_response'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_disputed_answer'))
    )
    with op.batch_alter_table('disputed_answer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_disputed_answer_response_id'), ['response_id'], unique=False)

    op.create_table('response_revision',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('response_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('score', sa.Integer(), nullable=False),
    sa.Column('comment', sa.Text(), nullable=False),
    sa.Column('contact_wanted', sa.Boolean(), nullable=True),
    sa.ForeignKeyConstraint(['response_id'], ['response.id'], name=op.f('fk_response_revision_response_id_response'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_response_revision')),
    sa.UniqueConstraint('response_id', 'number', name=op.f('uq_response_revision_response_id_number'))
    )

    # Survey and version point at each other, so one of the keys comes last.
    with op.batch_alter_table('survey', schema=None) as batch_op:
        batch_op.create_foreign_key('fk_survey_version_id_survey_version', 'survey_version', ['version_id'], ['id'])



def downgrade() -> None:
    with op.batch_alter_table('survey', schema=None) as batch_op:
        batch_op.drop_constraint('fk_survey_version_id_survey_version', type_='foreignkey')

    op.drop_table('response_revision')
    with op.batch_alter_table('disputed_answer', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_disputed_answer_response_id'))

    op.drop_table('disputed_answer')
    with op.batch_alter_table('case_response', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_response_case_id'))

    op.drop_table('case_response')
    with op.batch_alter_table('response', schema=None) as batch_op:
        batch_op.drop_index('ix_response_unfinished')
        batch_op.drop_index('ix_response_region')
        batch_op.drop_index('ix_response_newest')
        batch_op.drop_index(batch_op.f('ix_response_interaction_id'))
        batch_op.drop_index('ix_response_day')
        batch_op.drop_index('ix_response_customer')

    op.drop_table('response')
    with op.batch_alter_table('invitation_step', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_invitation_step_contact_point_id'))

    op.drop_table('invitation_step')
    with op.batch_alter_table('invitation', schema=None) as batch_op:
        batch_op.drop_index('ix_invitation_valid', sqlite_where=sa.text("state = 'handed_over'"), postgresql_where=sa.text("state = 'handed_over'"))
        batch_op.drop_index('ix_invitation_unsent', sqlite_where=sa.text("state = 'handed_over' AND sent_at IS NULL"), postgresql_where=sa.text("state = 'handed_over' AND sent_at IS NULL"))
        batch_op.drop_index('ix_invitation_sent')
        batch_op.drop_index(batch_op.f('ix_invitation_region_id'))
        batch_op.drop_index('ix_invitation_reason')
        batch_op.drop_index('ix_invitation_due')
        batch_op.drop_index('ix_invitation_customer')
        batch_op.drop_index('ix_invitation_again')

    op.drop_table('invitation')
    with op.batch_alter_table('interaction_performer', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_interaction_performer_performer_id'))

    op.drop_table('interaction_performer')
    op.drop_table('staged_row')
    with op.batch_alter_table('rejected_row', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_rejected_row_batch_id'))

    op.drop_table('rejected_row')
    with op.batch_alter_table('interaction', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_interaction_unit_id'))
        batch_op.drop_index('ix_interaction_undecided', sqlite_where=sa.text('undecided'), postgresql_where=sa.text('undecided'))
        batch_op.drop_index(batch_op.f('ix_interaction_region_id'))
        batch_op.drop_index('ix_interaction_number')
        batch_op.drop_index('ix_interaction_customer')
        batch_op.drop_index(batch_op.f('ix_interaction_batch_id'))

    op.drop_table('interaction')
    with op.batch_alter_table('ground', schema=None) as batch_op:
        batch_op.drop_index('ix_ground_contact_point')

    op.drop_table('ground')
    with op.batch_alter_table('case_note', schema=None) as batch_op:
        batch_op.drop_index('ix_case_note_case')

    op.drop_table('case_note')
    with op.batch_alter_table('case_attempt', schema=None) as batch_op:
        batch_op.drop_index('ix_case_attempt_case')

    op.drop_table('case_attempt')
    with op.batch_alter_table('trusted_id', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_trusted_id_customer_id'))

    op.drop_table('trusted_id')
    op.drop_table('survey_version')
    op.drop_table('step_text')
    op.drop_table('sender_rate')
    with op.batch_alter_table('performer', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_performer_unit_id'))

    op.drop_table('performer')
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_message_sender_id'))
        batch_op.drop_index('ix_message_purpose')
        batch_op.drop_index('ix_message_log')
        batch_op.drop_index('ix_message_due', sqlite_where=sa.text("state IN ('queued','claimed','sending','unknown')"), postgresql_where=sa.text("state IN ('queued','claimed','sending','unknown')"))
        batch_op.drop_index('ix_message_batch', sqlite_where=sa.text("batch_id <> ''"), postgresql_where=sa.text("batch_id <> ''"))

    op.drop_table('message')
    op.drop_table('invitation_policy')
    with op.batch_alter_table('import_batch', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_import_batch_source_id'))
        batch_op.drop_index('ix_import_batch_open', sqlite_where=sa.text("state IN ('uploaded','staging','applying')"), postgresql_where=sa.text("state IN ('uploaded','staging','applying')"))

    op.drop_table('import_batch')
    with op.batch_alter_table('hold', schema=None) as batch_op:
        batch_op.drop_index('ix_hold_customer')

    op.drop_table('hold')
    op.drop_table('dirty_day')
    with op.batch_alter_table('contact_point', schema=None) as batch_op:
        batch_op.drop_index('ix_contact_point_value')

    op.drop_table('contact_point')
    with op.batch_alter_table('contact_fact', schema=None) as batch_op:
        batch_op.drop_index('ix_contact_fact_customer')

    op.drop_table('contact_fact')
    with op.batch_alter_table('case', schema=None) as batch_op:
        batch_op.drop_index('uq_case_open', sqlite_where=sa.text("state NOT IN ('settled','closed')"), postgresql_where=sa.text("state NOT IN ('settled','closed')"))
        batch_op.drop_index('ix_case_region')
        batch_op.drop_index('ix_case_owner')
        batch_op.drop_index('ix_case_due')
        batch_op.drop_index(batch_op.f('ix_case_cause_id'))

    op.drop_table('case')
    with op.batch_alter_table('user_region', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_user_region_region_id'))

    op.drop_table('user_region')
    with op.batch_alter_table('unit', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_unit_region_id'))

    op.drop_table('unit')
    with op.batch_alter_table('survey', schema=None) as batch_op:
        batch_op.drop_index('uq_survey_active', sqlite_where=sa.text("state = 'active'"), postgresql_where=sa.text("state = 'active'"))
        batch_op.drop_index(batch_op.f('ix_survey_touchpoint_id'))

    op.drop_table('survey')
    with op.batch_alter_table('suppression', schema=None) as batch_op:
        batch_op.drop_index('ix_suppression_address')

    op.drop_table('suppression')
    op.drop_table('source')
    with op.batch_alter_table('sender', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sender_brand_id'))

    op.drop_table('sender')
    with op.batch_alter_table('holiday', schema=None) as batch_op:
        batch_op.drop_index('ix_holiday_day')

    op.drop_table('holiday')
    with op.batch_alter_table('duty', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_duty_user_id'))
        batch_op.drop_index(batch_op.f('ix_duty_region_id'))

    op.drop_table('duty')
    with op.batch_alter_table('customer', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_customer_region_id'))
        batch_op.drop_index('ix_customer_name_key')
        batch_op.drop_index(batch_op.f('ix_customer_merged_into_id'))

    op.drop_table('customer')
    with op.batch_alter_table('user_session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_user_session_user_id'))

    op.drop_table('user_session')
    op.drop_table('touchpoint')
    with op.batch_alter_table('staff_letter', schema=None) as batch_op:
        batch_op.drop_index('ix_staff_letter_user')

    op.drop_table('staff_letter')
    op.drop_table('segment')
    with op.batch_alter_table('region', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_region_pool_id'))
        batch_op.drop_index(batch_op.f('ix_region_parent_id'))

    op.drop_table('region')
    with op.batch_alter_table('brand', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_brand_pool_id'))

    op.drop_table('brand')
    op.drop_table('user')
    op.drop_table('pool')
    with op.batch_alter_table('performer_tally', schema=None) as batch_op:
        batch_op.drop_index('ix_performer_tally_performer')
        batch_op.drop_index('ix_performer_tally_day')

    op.drop_table('performer_tally')
    with op.batch_alter_table('pause', schema=None) as batch_op:
        batch_op.drop_index('ix_pause_open')

    op.drop_table('pause')
    with op.batch_alter_table('outage', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_outage_since'))

    op.drop_table('outage')
    with op.batch_alter_table('login_attempt', schema=None) as batch_op:
        batch_op.drop_index('ix_login_attempt_key')
        batch_op.drop_index(batch_op.f('ix_login_attempt_at'))

    op.drop_table('login_attempt')
    with op.batch_alter_table('link_event', schema=None) as batch_op:
        batch_op.drop_index('ix_link_event_invitation')
        batch_op.drop_index('ix_link_event_at')

    op.drop_table('link_event')
    op.drop_table('heartbeat')
    with op.batch_alter_table('daily_tally', schema=None) as batch_op:
        batch_op.drop_index('ix_daily_tally_region')
        batch_op.drop_index('ix_daily_tally_day')

    op.drop_table('daily_tally')
    with op.batch_alter_table('cause', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_cause_parent_id'))

    op.drop_table('cause')
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_entry_subject')
        batch_op.drop_index('ix_audit_entry_event')
        batch_op.drop_index(batch_op.f('ix_audit_entry_at'))
        batch_op.drop_index('ix_audit_entry_actor')

    op.drop_table('audit_entry')
