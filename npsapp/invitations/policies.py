"""Policies of surveys, and looking again at lines when a rule, a source or a survey changed. Needs a transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, or_, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.customers import queries as customers
from npsapp.db import alone, change, db, one_of, put, table
from npsapp.delivery.rules import Channel
from npsapp.intake import services as intake
from npsapp.intake.models import PLANNING, Interaction
from npsapp.invitations import queries
from npsapp.invitations.candidates import chain_of
from npsapp.invitations.chains import FIRST, ChainStep, missing_channels
from npsapp.invitations.models import ContactPolicy, Invitation, InvitationPolicy, PolicyStep
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization.models import Brand
from npsapp.surveys import days as dirty, services as surveys, texts
from npsapp.surveys.models import Survey, Tallied
from npsapp.surveys.rules import SurveyState

PLANNED = Invitation.state == InvitationState.PLANNED
BY_POLICY = (Reason.TOO_OLD, Reason.QUARANTINE, Reason.NOT_MEANT, Reason.NO_CHANNEL, Reason.NO_ADDRESS)
BY_CARE = (Reason.QUARANTINE, Reason.ON_HOLD, Reason.STAFF, Reason.NO_GROUND)
"""Reasons that may end when a survey's rule, or a company's contact policy, changes."""
OWN = {"survey_id", "wave_month", "wave_done_id"}
"""Columns that say how far one survey has come: a copy starts anew."""


class ChannelMissing(Refused):
    """A survey that asks needs all channels of its chain."""

    wording = N_("%(channel)s is not set up yet. Leave that step out, or keep the survey paused until it is.")


def create_policy(survey_id: int, **values: Any) -> InvitationPolicy:
    """The policy of a new survey; `values` over the defaults (two weeks, 10-19, one letter). Flushes."""
    policy = InvitationPolicy(survey_id=survey_id, **values)
    db.session.add(policy)
    db.session.flush()
    return policy


def change_policy(
    survey_id: int,
    values: Mapping[str, Any],
    *,
    follow_ups: Sequence[ChainStep] | None = None,
    actor: Actor,
    now: datetime,
) -> list[str]:
    """Change columns of a survey's rule, and its follow-ups; what is planned by it is decided again at the next beat.

    Gives the names of the changed fields, which the audit keeps. Refuses with ChannelMissing while the survey asks.
    """
    policy = db.session.get(InvitationPolicy, survey_id) or create_policy(survey_id)
    changed = put(policy, values)
    if follow_ups is not None and list(chain_of(policy)[1:]) != list(follow_ups):
        changed.append("follow_ups")
        _chain(policy, follow_ups)
    if not changed:
        return []
    db.session.flush()
    _start_words(survey_id, now)
    survey = db.session.get_one(Survey, survey_id)
    if survey.state is SurveyState.ACTIVE:
        check_channels(survey_id)
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("survey", survey_id), data={"changed": changed})
    recent = Interaction.happened_at > now - timedelta(hours=policy.delay_hours, days=policy.latest_days + 1)
    look_again(Invitation.survey_id == survey_id, or_(PLANNED, Invitation.reason.in_(BY_POLICY) & recent))
    return changed


def _chain(policy: InvitationPolicy, follow_ups: Sequence[ChainStep]) -> None:
    """Rewrite the follow-ups."""
    policy.follow_ups.clear()
    db.session.flush()
    for step in follow_ups:
        hours = int(step.delay / timedelta(hours=1))
        policy.follow_ups.append(PolicyStep(number=step.number, channel=step.channel, delay_hours=hours))


def messages(survey_id: int) -> list[tuple[int, Channel]]:
    """Number and channel of every message that a survey's chain may send."""
    policy = db.session.get(InvitationPolicy, survey_id)
    if policy is None:
        return []
    first_sms = [(FIRST, Channel.SMS)] if policy.mobile_sms else []
    return [*first_sms, *((step.number, step.channel) for step in chain_of(policy))]


texts.CHAINS.append(messages)


def _start_words(survey_id: int, now: datetime) -> None:
    """Steps without words get the usual ones."""
    for step, channel in messages(survey_id):
        texts.start_words(survey_id, step, channel, now=now)


def check_channels(survey_id: int) -> None:
    """Refuse with ChannelMissing when a survey's chain needs a channel that is not there yet."""
    policy = db.session.get(InvitationPolicy, survey_id)
    if missing := _missing(policy) if policy else []:
        raise ChannelMissing(channel=missing[0].value.upper())


def _missing(policy: InvitationPolicy) -> list[Channel]:
    ready = queries.ready(policy.survey.brand_id)
    return missing_channels(chain_of(policy), mobile_sms=policy.mobile_sms, ready=ready)


surveys.BEFORE_ASKING.append(check_channels)


def copy_policy(survey_id: int, copy_id: int, now: datetime) -> None:
    """Give a copied survey the rule of the original; its criteria as far as they mean something in its brand."""
    policy = db.session.get(InvitationPolicy, survey_id)
    if policy is None:
        return
    mine, brand = policy.survey.brand, db.session.get_one(Survey, copy_id).brand
    criteria = policy.criteria if mine.pool_id == brand.pool_id else {}
    kept = {name: value for name, value in criteria.items() if name != "units" or mine.id == brand.id}
    values = {name: getattr(policy, name) for name in {*table(InvitationPolicy).c.keys()} - OWN}
    _chain(create_policy(copy_id, **values | {"criteria": kept}), chain_of(policy)[1:])
    db.session.flush()
    _start_words(copy_id, now)


surveys.AFTER_COPYING.append(copy_policy)


def change_care(pool_id: int, values: Mapping[str, Any], *, actor: Actor, now: datetime) -> list[str]:
    """Change a company's contact policy; what is planned is decided again. Gives the names of the changed fields."""
    care = db.session.get(ContactPolicy, pool_id)
    if care is None:
        care = ContactPolicy(pool_id=pool_id)
        db.session.add(care)
        db.session.flush()
    changed = put(care, values)
    if changed:
        db.session.flush()
        data = {"changed": changed}
        audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=("pool", pool_id), data=data)
        brands = select(Brand.id).where(Brand.pool_id == pool_id)
        may_end = Invitation.reason.in_(BY_CARE) & (Invitation.latest_at > now)
        look_again(Invitation.brand_id.in_(brands), or_(PLANNED, may_end))
    return changed


def look_again(*which: ColumnElement[bool]) -> None:
    """Let the next beat decide anew about the interactions of these lines; it leaves alone what was handed over."""
    alone(PLANNING)
    lines = (
        select(Invitation.interaction_id)
        .join(Interaction, Interaction.id == Invitation.interaction_id)
        .where(Invitation.handed_over_at.is_(None), *which)
    )
    intake.mark_undecided(db.session.scalars(lines))


def forget_unsent(batch_id: int) -> None:
    """Delete the lines about a file's interactions that led to no letter, so that the file can be undone."""
    alone(PLANNING)
    mine = select(Interaction.id).where(Interaction.batch_id == batch_id)
    change(delete(Invitation).where(Invitation.interaction_id.in_(mine), Invitation.handed_over_at.is_(None)))


def source_changed(source_id: int) -> None:
    """A source went live, got a ground or a confirmation: what waited for that is decided again."""
    waiting = Reason.IN_TRIAL, Reason.BEFORE_LIVE, Reason.NO_MAIL_SERVER, Reason.NO_GROUND, Reason.NOT_COMPLETED
    look_again(Interaction.source_id == source_id, Invitation.reason.in_(waiting))


def follow_purchases(interaction_ids: Collection[int]) -> None:
    """Invitations stand where their purchases do, whose region or segment was repaired; their days count again."""
    bought = select(Interaction).where(Interaction.id == Invitation.interaction_id)
    places = {
        name: bought.with_only_columns(getattr(Interaction, name)).scalar_subquery()
        for name in ("region_id", "segment_id")
    }
    theirs = one_of(Invitation.interaction_id, interaction_ids)
    change(update(Invitation).where(theirs).values(places).execution_options(synchronize_session=False))
    sent = select(Invitation.survey_id, Invitation.sent_on).where(theirs).distinct()
    dirty.mark(Tallied.INVITATIONS, [(survey, day) for survey, day in db.session.execute(sent) if survey and day])


def held_changed(*customer_ids: int) -> None:
    """People were put on hold, or may be asked again: what led to no letter yet is decided anew."""
    look_again(one_of(Invitation.customer_id, customers.families(customer_ids)))


def due_again(*, now: datetime) -> None:
    """Lines whose reason has ended by itself: they are decided again."""
    look_again(Invitation.state == InvitationState.EXCLUDED, Invitation.again_at <= now)


def newly_mailed(without_mail: Collection[int]) -> None:
    """Interactions held back for want of a mail server, whose brand has one now: they are decided again."""
    look_again(Invitation.reason == Reason.NO_MAIL_SERVER, Invitation.brand_id.not_in(without_mail))


def newly_reachable() -> None:
    """Interactions held back because their chain needed a channel that is there now: they are decided again."""
    held = select(Invitation.survey_id).where(Invitation.reason == Reason.NO_CHANNEL).distinct()
    rules = select(InvitationPolicy).where(InvitationPolicy.survey_id.in_(held))
    if whole := [one.survey_id for one in db.session.scalars(rules) if not _missing(one)]:
        look_again(Invitation.reason == Reason.NO_CHANNEL, Invitation.survey_id.in_(whole))


def newly_asked() -> None:
    """Interactions held back for want of a survey, where one asks now: they are decided again."""
    look_again(
        Invitation.reason == Reason.NO_SURVEY,
        exists().where(
            Survey.brand_id == Invitation.brand_id,
            Survey.touchpoint_id == Invitation.touchpoint_id,
            Survey.state == SurveyState.ACTIVE,
        ),
    )
