"""Many rows at once: one made by the tests' factories, and copies of it made by the database."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text

from npsapp.customers.models import ContactPoint, Customer, Ground
from npsapp.db import Base, db, is_sqlite, transaction
from npsapp.delivery.models import Message
from npsapp.intake.models import Interaction, Source
from npsapp.invitations.models import Invitation, InvitationPolicy, InvitationStep
from npsapp.organization.models import Brand, Region, Segment, Unit
from npsapp.responses import queries
from npsapp.responses.models import AnswerValue, Response
from npsapp.surveys.models import Survey, Touchpoint
from tests import factories
from tests.responses.test_further import ask_more

AT_ONCE = 100_000
MOST_SAID = 3  # rows of answers to further questions
ASKED_EACH = 3  # invitations for each answer …
MOST_ASKED = 1_000_000  # … up to so many
A_TOKEN = "bench------------------0"
TOKEN = "substr('bench-------------------', 1, 24 - length(CAST(n AS text))) || n"


def company() -> SimpleNamespace:
    """The company that `tests.cast` founded, as far as factories ask for it."""
    regions = {region.key: region for region in db.session.query(Region)}
    return SimpleNamespace(
        pool=SimpleNamespace(id=1),
        brand=db.session.query(Brand).one(),
        touchpoint=db.session.query(Touchpoint).one(),
        survey=db.session.query(Survey).one(),
        segment=db.session.query(Segment).one(),
        regions=SimpleNamespace(**regions),
        units=SimpleNamespace(kyiv=db.session.query(Unit).filter_by(region_id=regions["kyiv"].id).one()),
    )


def copies(row: Any, numbers: range, **different: str) -> None:
    """Copies of a row with ids `numbers`; other columns may differ by an SQL expression of the number `n`."""
    table = type(row).__table__
    given = {"id": "n", **different}
    names = ", ".join(f'"{column.name}"' for column in table.c)
    values = ", ".join(given.get(column.name, f't."{column.name}"') for column in table.c)
    series = (
        "(WITH RECURSIVE s(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM s WHERE n < :last) SELECT n FROM s)"
        if is_sqlite()
        else "(SELECT n FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS g(n))"
    )
    statement = text(
        f'INSERT INTO "{table.name}" ({names}) SELECT {values} FROM "{table.name}" t, {series} s WHERE t.id = :id'
    )  # noqa: S608, E501
    for start in range(numbers.start, numbers.stop, AT_ONCE):
        with transaction() as session:
            session.execute(statement, {"id": row.id, "first": start, "last": min(start + AT_ONCE, numbers.stop) - 1})


def analyze(models: Iterable[type[Base]]) -> None:
    """Let the database look at its tables, and let PostgreSQL's ids go on after the copies."""
    with transaction() as session:
        for model in models if not is_sqlite() else ():
            name = model.__tablename__
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}"))  # noqa: S608
        session.execute(text("ANALYZE"))


def _people(customer: Customer, numbers: range) -> None:
    """Copies of a customer with the first e-mail address and its ground: three rows with one id."""
    point = db.session.query(ContactPoint).filter_by(customer_id=customer.id).order_by(ContactPoint.id).first()
    ground = db.session.query(Ground).filter_by(contact_point_id=point.id).one()
    copies(customer, numbers)
    copies(point, numbers, customer_id="n", value="'buyer' || n || '@example.com'")
    copies(ground, numbers, contact_point_id="n")


def purchases(count: int, *, now: datetime) -> None:
    """So many interactions not decided yet, of half as many customers."""
    with transaction() as session:
        one = factories.make_interaction(company(), now=now, happened_at=now - timedelta(days=1))
        session.query(InvitationPolicy).update({"delay_hours": 14 * 24})
        customer = one.customer
    numbers = range(1000, 1000 + count - 1)
    _people(customer, range(1000, 1000 + count // 2 + 1))
    copies(one, numbers, external_id="'x-' || n", customer_id=f"1000 + n % {max(count // 2, 1)}")
    analyze((Customer, ContactPoint, Ground, Interaction))


def open_links(count: int, *, now: datetime, first: int = 1000) -> list[str]:
    """Invitations whose letters have left, with ids from `first`; gives the tokens of their links."""
    with transaction():
        one = factories.make_invitation(company(), now=now)
        interaction, customer, step = one.interaction, one.interaction.customer, one.steps[0]
    numbers = range(first, first + count)
    _people(customer, numbers)
    copies(interaction, numbers, external_id="'x-' || n", customer_id="n")
    copies(one, numbers, interaction_id="n", customer_id="n")
    copies(step, numbers, invitation_id="n", contact_point_id="n", token=TOKEN, message_id="NULL")
    analyze((Customer, ContactPoint, Ground, Interaction, Invitation, InvitationStep))
    return [f"{'bench-------------------'[: 24 - len(str(n))]}{n}" for n in numbers]


def waiting_letters(count: int, letter: Message) -> None:
    """Copies of a queued letter to as many addresses."""
    numbers = range(1000, 1000 + count)
    copies(letter, numbers, to_address="'buyer' || n || '@example.com'", message_id="'<bench' || n || '@x.example>'")
    analyze((Message,))


def answers(count: int, *, now: datetime) -> None:
    """So many answers, spread over a hundred days and all scores, to a survey with further questions, and the
    invitations of which every third was answered.

    Everybody rates; those who are unhappy choose two options.
    """
    kinds = 100
    with transaction() as session:
        where = company()
        ask_more(where.survey, now=now)
        first = [
            factories.make_response(
                where,
                now=now - timedelta(days=day),
                score=(day * 7) % 11,
                local_date=(now - timedelta(days=day)).date(),
            )
            for day in range(kinds)
        ]
        said = [[AnswerValue(**row) for row in queries.more_rows(one.id, _more(one.score))] for one in first]
        session.add_all(row for rows in said for row in rows)
        asked = [(one.invitation, one.interaction) for one in first]
    start, sent = 1000, min(ASKED_EACH * count, MOST_ASKED) // kinds
    for day, (one, rows) in enumerate(zip(first, said, strict=True)):
        numbers, letters = range(start, start + count // kinds - 1), range(1000 + day * sent, 1000 + (day + 1) * sent)
        _invitations(*asked[day], letters)
        its = f"(n - {start}) * {ASKED_EACH}"
        its = f"CASE WHEN {its} < {sent} THEN {letters.start} + {its} END"
        copies(one, numbers, invitation_id=its, interaction_id="NULL", customer_id="NULL")
        for place, row in enumerate(rows):
            copies(row, numbers, id=f"n * {MOST_SAID} + {place}", response_id="n")
        start = numbers.stop
    analyze((Response, Source, AnswerValue, Interaction, Invitation))


def _invitations(one: Invitation, bought: Interaction, numbers: range) -> None:
    """Copies of an invitation that was sent, with a purchase each, of nobody in particular."""
    copies(bought, numbers, external_id="'x-' || n", customer_id="NULL")
    copies(one, numbers, interaction_id="n", customer_id="NULL")


def _more(score: int) -> dict[str, object]:
    return {"service": max(score, 1)} | ({"what": ["late", "rude"]} if score <= 6 else {})
