"""Reading answers: for the survey page, for lists of staff, and for other rooms."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import joinedload, selectinload

from npsapp.customers import queries as customers, tags
from npsapp.customers.models import Customer
from npsapp.db import Base, Ready, db, table, within
from npsapp.delivery.models import Message
from npsapp.intake import selections
from npsapp.intake.models import Interaction
from npsapp.invitations.models import Invitation, InvitationStep
from npsapp.invitations.rules import InvitationState
from npsapp.organization import queries as organization
from npsapp.organization.models import Brand, Region, Segment, Unit
from npsapp.organization.rules import fold
from npsapp.permissions import Scope
from npsapp.responses import rules
from npsapp.responses.models import AnswerValue, Basis, DisputedAnswer, OldImport, Response, Sweep
from npsapp.responses.rules import Group, Way
from npsapp.surveys.models import Survey, SurveyVersion, Touchpoint

NEWEST_COUNTED = 1000
"""Older answers are not looked through for unread ones: the cost does not grow with the years."""
ANY = "*"
"""Stands for whatever was answered."""
Key = tuple[datetime, int]
Asked = Mapping[str, Any]
"""What a list is narrowed to, by the names the address has: ids (0: without one), values of `rules.CHOICES`,
score, from and to (local days, both inclusive), q."""


# ---- the survey page -------------------------------------------------------------------------------------------


Link: TypeAlias = Any  # a named tuple
"""What a survey page needs of its link: step, invitation, purchase, customer, brand, questionnaire, answer (an
unsure one only by `unsure_id`), and what speaks for a machine."""

_T: dict[type[Base], Table] = {
    model: table(model)
    for model in (
        InvitationStep, Invitation, SurveyVersion, Interaction, Customer, Brand, Region, Unit, Response, Message, Sweep,
    )
}  # fmt: skip
_RESPONSE, _SWEEP = _T[Response].c, _T[Sweep].c
_SURE = or_(_RESPONSE.basis == Basis.CONFIRMED, _RESPONSE.basis == Basis.PROMOTED)


def _columns(model: type[Base], prefix: str, names: str) -> list[ColumnElement[Any]]:
    return [_T[model].c[name].label(prefix + name) for name in names.split()]


def _joined() -> FromClause:
    invitation, interaction = _T[Invitation], _T[Interaction]
    step = _T[InvitationStep].join(invitation, invitation.c.id == _T[InvitationStep].c.invitation_id)
    found: FromClause = step.join(interaction, interaction.c.id == invitation.c.interaction_id)
    found = found.join(_T[Brand], _T[Brand].c.id == interaction.c.brand_id)
    found = found.outerjoin(_T[Response], _T[Response].c.invitation_id == invitation.c.id)
    for model, column in (
        (SurveyVersion, invitation.c.version_id),
        (Customer, interaction.c.customer_id),
        (Region, interaction.c.region_id),
        (Unit, interaction.c.unit_id),
        (Message, _T[InvitationStep].c.message_id),
    ):
        found = found.outerjoin(_T[model], _T[model].c.id == column)
    return found


def _last_sweep(*where: ColumnElement[bool]) -> ColumnElement[datetime | None]:
    return select(func.max(_SWEEP.at)).where(*where).scalar_subquery()


_AS_STORED: dict[str, tuple[type[Base], str]] = {  # JSON that is read once for many visits
    "content": (SurveyVersion, "content"), "region_name": (Region, "name"), "unit_name": (Unit, "name"),
    "brand_name": (Brand, "name"), "brand_phrase": (Brand, "phrase"), "brand_languages": (Brand, "languages"),
}  # fmt: skip
_LINK = Ready(  # every visit asks it
    select(
        *_columns(InvitationStep, "step_", "id"),
        *_columns(InvitationStep, "", "token channel contact_point_id"),
        *_columns(Invitation, "invitation_", "id"),
        *_columns(Invitation, "", "customer_id survey_id version_id state valid_until language test followed"),
        *_columns(Interaction, "interaction_", "id"),
        *_columns(Interaction, "", "brand_id touchpoint_id region_id unit_id segment_id title number happened_at"),
        *_columns(Customer, "", "address_as is_firm"),
        *_columns(Brand, "brand_", "key accent group_colours logo language contact_email"),
        *_columns(Response, "response_", "void_reason"),
        *_columns(Response, "", "page_at"),
        case((_SURE, _RESPONSE.id)).label("response_id"),
        case((not_(_SURE), _RESPONSE.id)).label("unsure_id"),
        *_columns(Message, "", "sent_at"),
        _T[Message].c.id.label("message_id"),
        _last_sweep(_SWEEP.invitation_id == _T[Invitation].c.id).label("swept_at"),
        _last_sweep(_SWEEP.domain == _T[Message].c.domain, _SWEEP.domain != "").label("scanned_at"),
        *_columns(Response, "", "score comment contact_wanted"),
        func.coalesce(_T[Region].c.timezone, _T[Brand].c.timezone).label("zone"),
        *[cast(_T[model].c[name], Text).label(label) for label, (model, name) in _AS_STORED.items()],
    )
    .select_from(_joined())
    .where(_T[InvitationStep].c.token == bindparam("token"))
)


def link(token: str) -> Link | None:
    """Everything about a link, in one statement."""
    return _LINK.one(token=token)


def of_invitation(invitation_id: int) -> Response | None:
    """The answer to an invitation."""
    return db.session.scalars(select(Response).where(Response.invitation_id == invitation_id)).one_or_none()


def way(link: Link, *, now: datetime) -> Way:
    """Where a link leads now; an answer its customer disowned makes it "not mine" too."""
    leads = rules.way(link.state, link.valid_until, now=now)
    disowned = link.state is InvitationState.ANSWERED and link.response_void_reason == rules.DISOWNED
    return Way.NOT_MINE if leads is Way.OPEN and disowned else leads


def more_of(response_id: int) -> dict[str, Any]:
    """The answers to further questions (`surveys.filling.More`)."""
    theirs = select(AnswerValue).where(AnswerValue.response_id == response_id).order_by(AnswerValue.id)
    return as_more(db.session.scalars(theirs))


def as_more(rows: Iterable[AnswerValue]) -> dict[str, Any]:
    """Rows of one answer by question key: a rating, words, or a list of options."""
    found: dict[str, Any] = {}
    for row in rows:
        if row.option is not None:
            found.setdefault(row.question_key, []).append(row.option)
        else:
            found[row.question_key] = row.text if row.number is None else row.number
    return found


def more_rows(response_id: int, more: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows in which answers to further questions are kept."""
    return [
        {"response_id": response_id, "question_key": key, "number": None, "option": None, "text": None} | column
        for key, value in more.items()
        for column in (
            [{"option": one} for one in value]
            if isinstance(value, list)
            else [{"number" if isinstance(value, int) else "text": value}]
        )
    ]


# ---- lists of staff --------------------------------------------------------------------------------------------


_OWN = (Basis.CONFIRMED, Basis.PROMOTED)
_BASES = {"with": (*_OWN, Basis.IMPORTED), "only": (Basis.IMPORTED,)}


def counting(old: str = "", by_link: str = "") -> tuple[ColumnElement[bool], ...]:
    """What makes an answer count in reports: decisions.md, 26. `old` answers, and those of people who came by an open
    link, whom nobody has drawn, count where that is asked for."""
    sure = Response.basis.in_(_BASES.get(old, _OWN)), Response.voided_at.is_(None), Response.test.is_(False)
    came = _MEANING["open"].get(by_link or "without")
    return sure if came is None else (*sure, came)


_IDS = {
    "brand": Response.brand_id,
    "touchpoint": Response.touchpoint_id,
    "survey": Response.survey_id,
    "region": Response.region_id,
    "segment": Response.segment_id,
}
PROPERTY = "p"
"""Before the id of a property, where it narrows a list: `p3=17` means value 17, `p3=0` none."""
_MEANING: dict[str, dict[str, ColumnElement[bool]]] = {
    "group": {
        Group.DETRACTOR: Response.score < rules.LOWEST_PASSIVE,
        Group.PASSIVE: Response.score.between(rules.LOWEST_PASSIVE, rules.LOWEST_PROMOTER - 1),
        Group.PROMOTER: Response.score >= rules.LOWEST_PROMOTER,
    },
    "comment": {"with": Response.comment != "", "without": Response.comment == ""},
    "old": {"only": Response.basis == Basis.IMPORTED, "without": Response.basis != Basis.IMPORTED},
    "open": {"only": Response.open_link_id.is_not(None), "without": Response.open_link_id.is_(None)},
    "read": {"unread": Response.read_at.is_(None), "read": Response.read_at.is_not(None)},
    "state": {
        "provisional": Response.basis == Basis.PROVISIONAL,
        "check": and_(Response.basis == Basis.PROVISIONAL, Response.score < rules.LOWEST_PASSIVE),
        "promoted": Response.basis == Basis.PROMOTED,
        "dropped": Response.basis == Basis.DROPPED,
        "voided": Response.voided_at.is_not(None),
        "disputed": exists().where(DisputedAnswer.response_id == Response.id, DisputedAnswer.applied_at.is_(None)),
        "contact": Response.contact_wanted.is_(True),
        "test": Response.test.is_(True),
    },
}
_SHOWN = [
    joinedload(getattr(Response, name))
    for name in (
        "customer",
        "interaction",
        "region",
        "unit",
        "segment",
        "touchpoint",
        "read_by",
        "old_import",
        "open_link",
    )
]


def newest(scope: Scope, asked: Asked, *, after: Key | None, limit: int) -> Sequence[Response]:
    """Answers of the scope, newest first, behind the key (confirmed_at, id) of the last one seen."""
    found = (
        select(Response)
        .where(within(Response.region_id, scope), *_conditions(asked))
        .options(*_SHOWN, selectinload(Response.others), selectinload(Response.values))
        .order_by(Response.confirmed_at.desc(), Response.id.desc())
        .limit(limit)
    )
    if after is not None:
        found = found.where(tuple_(Response.confirmed_at, Response.id) < after)
    return db.session.scalars(found).all()


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    found = [
        column == asked[name] if asked[name] else column.is_(None) for name, column in _IDS.items() if name in asked
    ]
    found += [meaning[asked[name]] for name, meaning in _MEANING.items() if asked.get(name) in meaning]
    if asked.get("state") == "counted":
        found += counting(asked.get("old", ""), asked.get("open", ""))
    found += has_properties(Response.interaction_id, asked)
    found += [_chose(name[2:], value) for name, value in asked.items() if name.startswith("q.")]
    if "who" in asked:
        found.append(Response.customer_id.in_(asked["who"]))
    if asked.get("state") != "test":
        found.append(Response.test.is_(False))
    if "score" in asked:
        found.append(Response.score == asked["score"])
    if "from" in asked:
        found.append(Response.local_date >= asked["from"])
    if "to" in asked:
        found.append(Response.local_date <= asked["to"])
    return found + [_says(word) for word in asked.get("q", "").split()]


def _chose(question_key: str, value: str) -> ColumnElement[bool]:
    """The answer to a further question is this option, or this rating; `ANY`: there is one."""
    said = exists().where(AnswerValue.response_id == Response.id, AnswerValue.question_key == question_key)
    if value == ANY:
        return said
    is_it = AnswerValue.option == value
    return said.where(or_(is_it, AnswerValue.number == int(value)) if value.isdecimal() else is_it)


def who(selection_id: int | None, tag: str | None, scope: Scope, *, now: datetime) -> Select[Any] | None:
    """Ids of the customers in a selection and with a tag; None: of whomever."""
    if selection_id is None and tag is None:
        return None
    found: Select[Any] = select(Customer.id)
    if selection_id is not None:
        found = found.where(selections.members(selection_id, now=now))
    return found if tag is None else found.where(Customer.id.in_(tags.tagged(tag, scope)))


def has_properties(interaction_id: Any, asked: Asked) -> list[ColumnElement[bool]]:
    """The conditions that the interaction of this column has what is asked of declared properties."""
    wanted = {int(name[1:]): asked[name] for name in asked if is_property(name)}
    keys = {one.id: one.key for one in organization.properties()}
    texts = {value.id: value.name for value in organization.property_values(wanted)}
    found = []
    for id_, value in wanted.items():
        said = property_text(keys.get(id_, ""))
        which = said == texts.get(value, "") if value else said.is_not(None)
        has = exists().where(Interaction.id == interaction_id, which)
        found.append(has if value else ~has)
    return found


def is_property(name: str) -> bool:
    """Whether a filter of this name is a declared property."""
    return name.startswith(PROPERTY) and name[1:].isdigit()


def property_text(key: str) -> ColumnElement[str | None]:
    """The value of a declared property of an interaction, on both databases."""
    text: ColumnElement[str | None] = Interaction.properties[key].as_string()
    return text


def _says(word: str) -> ColumnElement[bool]:
    """In the comment, the customer's name or the order's number.

    SQLite folds the case of Latin letters only, so the usual spellings of a word are all looked for.
    """
    spellings = {word, word.lower(), word.capitalize(), word.upper()}
    in_comment = [Response.comment.contains(spelling, autoescape=True) for spelling in sorted(spellings)]
    in_name = Response.customer.has(Customer.name_key.contains(fold(word) or word, autoescape=True))
    in_number = Response.interaction.has(Interaction.number.contains(word, autoescape=True))
    return or_(*in_comment, in_name, in_number)


def choices(scope: Scope) -> dict[str, dict[int, Any]]:
    """What lists and reports of the scope can be narrowed to: id and name (of all but surveys per language).

    Retired things too: their answers remain.
    """

    def names(model: Any, *narrowed: ColumnElement[bool]) -> dict[int, Any]:
        rows = db.session.execute(select(model.id, model.name).where(*narrowed))
        return {row.id: row.name for row in rows}

    return {
        "brand": names(Brand),
        "touchpoint": names(Touchpoint),
        "survey": names(Survey),
        "region": names(Region, within(Region.id, scope)),
        "segment": names(Segment),
    }


def visible(scope: Scope, response_id: int) -> Response | None:
    """The answer if it lies in the scope, with everything its page shows."""
    asked = select(Response).where(Response.id == response_id, within(Response.region_id, scope))
    return db.session.scalars(asked.options(*_SHOWN)).one_or_none()


# ---- other rooms -----------------------------------------------------------------------------------------------


def story(customer_id: int, scope: Scope) -> Sequence[Response]:
    """All answers of one customer in the scope, newest first."""
    theirs = Response.customer_id.in_(customers.members(customer_id))
    asked = select(Response).where(theirs, within(Response.region_id, scope))
    newest_first = asked.order_by(Response.confirmed_at.desc(), Response.id.desc())
    return db.session.scalars(newest_first.options(*_SHOWN, selectinload(Response.revisions))).all()


def old_imports(*, limit: int, offset: int) -> Sequence[OldImport]:
    """Files of previous programs, newest first."""
    newest_first = select(OldImport).order_by(OldImport.id.desc()).limit(limit).offset(offset)
    return db.session.scalars(newest_first).all()


def has_old() -> bool:
    """Whether there are answers of a previous program."""
    return bool(db.session.scalar(select(exists().where(Response.old_import_id > 0))))


def unread_count(scope: Scope) -> int:
    """How many of the scope's newest answers, `NEWEST_COUNTED` at most, nobody has looked at."""
    newest = select(Response.read_at).where(Response.test.is_(False), within(Response.region_id, scope))
    newest = newest.order_by(Response.confirmed_at.desc(), Response.id.desc()).limit(NEWEST_COUNTED)
    each = newest.subquery()
    return db.session.scalar(select(func.count()).where(each.c.read_at.is_(None))) or 0


def labels(ids: Collection[int]) -> dict[int, str]:
    """What the audit page calls these answers: number and score."""
    asked = select(Response.id, Response.score).where(Response.id.in_(ids))
    return {row.id: f"#{row.id}: {row.score}" for row in db.session.execute(asked)}
