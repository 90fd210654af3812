"""Reading open links: what their page needs, the list of staff, how much each brings, answers that may be one."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, bindparam, cast, exists, false, func, null, or_, select
from sqlalchemy.orm import joinedload

from npsapp.customers.models import ContactPoint
from npsapp.customers.rules import ContactKind
from npsapp.db import Ready, db, table, within
from npsapp.intake.models import Interaction
from npsapp.organization.models import Brand, Region, Unit
from npsapp.permissions import Scope
from npsapp.responses.models import Response
from npsapp.responses.open_models import OpenLink
from npsapp.responses.open_rules import SAME_PERSON
from npsapp.responses.queries import Link
from npsapp.surveys.models import Survey, SurveyVersion

_O, _S, _V, _B, _U, _R, _A = map(table, (OpenLink, Survey, SurveyVersion, Brand, Unit, Region, Response))
NOBODY = (
    "invitation_id", "interaction_id", "customer_id", "contact_point_id", "channel", "happened_at", "valid_until"
)  # fmt: skip
"""What the link of an invitation knows, and this one does not."""
_COLUMNS: list[Any] = [
    *(null().label(name) for name in NOBODY),
    false().label("test"),
    *(_O.c.id.label("open_link_id"), _O.c.token, _O.c.asks, _O.c.tablet, _O.c.retired_at, _O.c.unit_id),
    *(_O.c.segment_id, _R.c.id.label("region_id"), _O.c.survey_id),
    *(_S.c.version_id, _S.c.brand_id, _S.c.touchpoint_id, _S.c.state, _B.c.pool_id),
    *(
        _B.c[name].label(f"brand_{name}")
        for name in ["key", "accent", "group_colours", "logo", "language", "contact_email"]
    ),
    *(cast(_B.c[name], Text).label(f"brand_{name}") for name in ("name", "phrase", "languages")),
    *(cast(_V.c.content, Text).label("content"), cast(_U.c.name, Text).label("unit_name")),
    *(cast(_R.c.name, Text).label("region_name"), func.coalesce(_R.c.timezone, _B.c.timezone).label("zone")),
    *(_A.c.id.label("response_id"), _A.c.score, _A.c.comment, _A.c.contact_wanted),
    *(_A.c.confirmed_at, _A.c.finished_at, _A.c.void_reason.label("response_void_reason")),
]
_LINK = Ready(
    select(*_COLUMNS)
    .select_from(
        _O.join(_S, _S.c.id == _O.c.survey_id)
        .join(_B, _B.c.id == _S.c.brand_id)
        .outerjoin(_V, _V.c.id == _S.c.version_id)
        .outerjoin(_U, _U.c.id == _O.c.unit_id)
        .outerjoin(_R, _R.c.id == func.coalesce(_U.c.region_id, _O.c.region_id))
        .outerjoin(_A, and_(_A.c.open_link_id == _O.c.id, _A.c.open_key == bindparam("key")))
    )
    .where(_O.c.token == bindparam("token"))
)


def link(token: str, key: str) -> Link | None:
    """Everything about an open link and what the page with this key has answered, in one statement."""
    return _LINK.one(token=token, key=key)


def interaction(brand_id: int, region_id: int | None, number: str) -> Any | None:
    """The newest purchase of a brand with this number: id, customer's id. A store's link finds its region's only."""
    its = Interaction.brand_id == brand_id, Interaction.number.in_({number, number.upper(), number.lower()})
    here = (Interaction.region_id == region_id,) if region_id else ()
    asked = select(Interaction.id, Interaction.customer_id).where(Interaction.number != "", *its, *here)
    return db.session.execute(asked.order_by(Interaction.happened_at.desc(), Interaction.id.desc()).limit(1)).first()


def with_phone(pool_id: int, phone: str) -> int | None:
    """The customer of the pool with this number, known longest."""
    theirs = ContactPoint.pool_id == pool_id, ContactPoint.kind == ContactKind.PHONE, ContactPoint.value == phone
    asked = select(ContactPoint.customer_id).where(*theirs, ContactPoint.fault == "")
    return db.session.scalars(asked.order_by(ContactPoint.id).limit(1)).first()


# ---- staff -----------------------------------------------------------------------------------------------------


def in_scope(scope: Scope) -> ColumnElement[bool]:
    """Links whose answers a user would see: by the region, or by the one the unit belongs to."""
    here = select(Unit.id).where(within(Unit.region_id, scope))
    return or_(and_(OpenLink.unit_id.is_(None), within(OpenLink.region_id, scope)), OpenLink.unit_id.in_(here))


def found(
    scope: Scope, *, word: str, survey_id: int | None, retired: bool, limit: int, offset: int = 0
) -> Sequence[OpenLink]:
    """Links of the scope with a word in their name or address, newest first."""
    asked = select(OpenLink).where(in_scope(scope), OpenLink.retired_at.is_not(None) == retired)
    if word:  # SQLite folds the case of Latin letters only
        spellings = {word, word.lower(), word.capitalize(), word.upper()}
        asked = asked.where(or_(*(OpenLink.name.contains(one, autoescape=True) for one in sorted(spellings))))
    if survey_id:
        asked = asked.where(OpenLink.survey_id == survey_id)
    parts = [joinedload(getattr(OpenLink, part)) for part in ("survey", "region", "unit", "segment")]
    return db.session.scalars(asked.options(*parts).order_by(OpenLink.id.desc()).limit(limit).offset(offset)).all()


def visible(scope: Scope, open_link_id: int) -> OpenLink | None:
    """The link if it lies in the scope."""
    return db.session.scalars(select(OpenLink).where(OpenLink.id == open_link_id, in_scope(scope))).first()


def there_are_any() -> bool:
    """Whether a link was ever made."""
    return bool(db.session.scalar(select(exists().where(OpenLink.id > 0))))


def brought(ids: Collection[int]) -> dict[int, tuple[int, datetime]]:
    """How many answers these links have brought, and when the last one came."""
    asked = select(Response.open_link_id, func.count(), func.max(Response.confirmed_at))
    rows = db.session.execute(asked.where(Response.open_link_id.in_(ids)).group_by(Response.open_link_id))
    return {row[0]: (row[1], row[2]) for row in rows if row[0]}


def twins(answer: Response, scope: Scope) -> Sequence[Response]:
    """Other answers of the scope, given about the same time, with the same order or phone number as this open one."""
    if answer.open_link_id is None:
        return []
    same: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            (Response.interaction_id, answer.interaction_id),
            (Response.customer_id, answer.customer_id),
            (Response.reference, answer.reference),
        )
        if value
    ]
    about = answer.confirmed_at - SAME_PERSON, answer.confirmed_at + SAME_PERSON
    near = Response.confirmed_at.between(*about), Response.id != answer.id, Response.survey_id == answer.survey_id
    asked = select(Response).where(or_(*same), *near, within(Response.region_id, scope)).order_by(Response.id)
    return db.session.scalars(asked.limit(20)).all() if same else []


def without_link(scope: Scope, survey: Survey) -> list[int]:
    """Units of the survey's brand that have no link of the survey in use."""
    has = exists().where(OpenLink.unit_id == Unit.id, OpenLink.survey_id == survey.id, OpenLink.retired_at.is_(None))
    theirs = Unit.brand_id == survey.brand_id, Unit.retired_at.is_(None), within(Unit.region_id, scope), ~has
    return list(db.session.scalars(select(Unit.id).where(*theirs).order_by(Unit.id)))
