"""Rows become people: by trusted id, then e-mail, then phone, never by name."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from npsapp.customers.matching import Incoming, find_or_create
from npsapp.customers.models import ContactPoint, Customer, Ground
from npsapp.customers.rules import ContactKind, GroundKind
from npsapp.db import db, transaction
from npsapp.delivery.rules import Channel
from tests.conftest import FIXED_NOW

CRM = 7
CONTRACT = {Channel.EMAIL: GroundKind.CONTRACT}
CONSENT = {Channel.EMAIL: GroundKind.CONSENT}


@pytest.fixture
def take(company: SimpleNamespace):
    """`take(row, …, source_id=…)`: the customer ids of a chunk of rows."""

    def find(*rows: Incoming, source_id: int | None = CRM, days: int = 0) -> list[int | None]:
        with transaction():
            return find_or_create(
                rows, pool_id=company.pool.id, source_id=source_id, now=FIXED_NOW + timedelta(days=days)
            )

    return find


def customer(id_: int | None) -> Customer:
    found = db.session.get(Customer, id_, populate_existing=True)
    assert found
    return found


def addresses(id_: int | None) -> set[str]:
    return set(db.session.scalars(select(ContactPoint.value).where(ContactPoint.customer_id == id_)))


def grounds(id_: int | None) -> list[tuple[GroundKind, bool]]:
    rows = db.session.scalars(
        select(Ground).join(ContactPoint).where(ContactPoint.customer_id == id_).order_by(Ground.id)
    )
    return [(row.kind, row.withdrawn_at is not None) for row in rows]


def test_the_same_trusted_id_is_the_same_person_also_inside_one_chunk(take) -> None:
    first, second = take(Incoming("c1", "Олена", "a@example.com"), Incoming("c1", "Олена", "b@example.com"))

    assert first == second
    assert addresses(first) == {"a@example.com", "b@example.com"}
    assert take(Incoming("c1")) == [first]


def test_without_an_id_the_e_mail_decides_and_then_the_phone(take) -> None:
    both = take(Incoming(email="a@example.com", phone="+380671112233"))[0]

    assert take(Incoming(email="a@example.com"), Incoming(phone="+380671112233"), source_id=None) == [both, both]
    assert take(Incoming(email="new@example.com", phone="+380671112233"), source_id=None) == [both]
    assert addresses(both) == {"a@example.com", "new@example.com", "+380671112233"}


def test_an_untrusted_id_is_no_person(take) -> None:
    first, second = take(Incoming("1", email="a@example.com"), Incoming("1", email="b@example.com"), source_id=None)

    assert first != second


def test_the_name_never_finds_anybody(take) -> None:
    first, second = take(
        Incoming(name="Олена Коваль", email="a@example.com"), Incoming(name="Олена Коваль", email="b@example.com")
    )

    assert first != second


def test_a_row_without_id_and_address_is_nobody(take) -> None:
    assert take(Incoming(name="Олена"), Incoming("5"), source_id=None) == [None, None]
    assert db.session.scalars(select(Customer)).all() == []


def test_a_trusted_id_alone_makes_a_person(take) -> None:
    found = take(Incoming("c9"))[0]

    assert customer(found).name == ""


def test_an_address_known_without_an_id_gets_the_id(take) -> None:
    known = take(Incoming(email="a@example.com"), source_id=None)[0]

    assert take(Incoming("c1", email="a@example.com")) == [known]
    assert take(Incoming("c1", email="other@example.com")) == [known]


def test_the_id_wins_over_the_address_which_is_flagged_as_shared(take) -> None:
    first, second = take(Incoming("c1", email="home@example.com"), Incoming("c2", email="home@example.com"))

    points = db.session.scalars(select(ContactPoint).where(ContactPoint.value == "home@example.com")).all()
    assert first != second
    assert {point.customer_id for point in points} == {first, second}
    assert all(point.shared for point in points)


def test_somebody_with_a_shared_address_is_recognised_by_the_second_one(take) -> None:
    _, second = take(
        Incoming("c1", email="home@example.com", phone="+380671111111"),
        Incoming("c2", email="home@example.com", phone="+380672222222"),
    )

    assert take(Incoming(email="home@example.com", phone="+380672222222"), source_id=None) == [second]


def test_ids_of_different_sources_do_not_meet(take) -> None:
    assert take(Incoming("c1", email="a@example.com"))[0] != take(Incoming("c1", email="b@example.com"), source_id=8)[0]


def test_an_empty_field_deletes_nothing(take, company) -> None:
    full = Incoming(
        "c1", "Коваль Олена Іванівна", "a@example.com", language="uk", region_id=company.regions.kyiv.id, is_key=True
    )
    found = take(full)[0]

    take(Incoming("c1"))

    person = customer(found)
    assert (person.name, person.language, person.region_id) == (full.name, "uk", company.regions.kyiv.id)
    assert person.is_key
    assert person.name_key == "коваль олена іванівна"
    assert person.address_as == "Олено Іванівно"


def test_a_new_name_counts_only_when_the_id_says_who_it_is(take) -> None:
    found = take(Incoming("c1", "Коваль Олена Іванівна", "a@example.com"))[0]

    take(Incoming(name="Бондар Ірина Петрівна", email="a@example.com"), source_id=None)
    assert customer(found).name == "Коваль Олена Іванівна"

    take(Incoming("c1", "Бондар Олена Іванівна"))
    assert customer(found).name == "Бондар Олена Іванівна"


def test_an_address_written_by_hand_outlives_a_new_name(take) -> None:
    found = take(Incoming("c1", "Коваль Олена Іванівна"))[0]
    with transaction():
        customer(found).address_as = "пані Олено"

    take(Incoming("c1", "Бондар Ірина Петрівна"))

    assert customer(found).address_as == "пані Олено"


def test_a_firm_is_never_addressed_by_name(take) -> None:
    person = customer(take(Incoming("f1", "ТОВ «Лотокбуд»", "shop@example.com"))[0])

    assert person.is_firm
    assert person.address_as == ""


def test_a_merged_customer_is_followed_to_the_end(take) -> None:
    first, second, third = take(
        Incoming("c1", email="a@example.com"), Incoming("c2", email="b@example.com"), Incoming("c3")
    )
    with transaction():
        customer(first).merged_into_id = second
        customer(second).merged_into_id = third

    assert take(Incoming("c1"), Incoming(email="b@example.com")) == [third, third]


def test_a_ground_is_written_once(take) -> None:
    row = Incoming("c1", email="a@example.com", grounds=CONTRACT, proof="source default", set_by_id=None)
    found = take(row, row)[0]
    take(row)

    assert grounds(found) == [(GroundKind.CONTRACT, False)]


def test_consent_comes_beside_a_weaker_ground_but_not_the_other_way(take) -> None:
    found = take(Incoming("c1", email="a@example.com", grounds=CONTRACT))[0]
    take(Incoming("c1", email="a@example.com", grounds=CONSENT))
    take(Incoming("c1", email="a@example.com", grounds=CONTRACT))

    assert grounds(found) == [(GroundKind.CONTRACT, False), (GroundKind.CONSENT, False)]


def test_consent_in_a_file_never_overrides_a_withdrawal(take) -> None:
    found = take(Incoming("c1", email="a@example.com", refused=frozenset({Channel.EMAIL})))[0]

    take(Incoming("c1", email="a@example.com", grounds=CONSENT), days=1)

    assert grounds(found) == [(GroundKind.CONSENT, True)]


def test_a_no_in_a_file_withdraws_what_there_was(take) -> None:
    found = take(Incoming("c1", email="a@example.com", grounds=CONTRACT))[0]

    take(Incoming("c1", email="a@example.com", grounds=CONTRACT, refused=frozenset({Channel.EMAIL})), days=1)

    assert all(withdrawn for _, withdrawn in grounds(found))


def test_a_ground_set_by_hand_after_a_withdrawal_counts_again(take) -> None:
    found = take(Incoming("c1", email="a@example.com", refused=frozenset({Channel.EMAIL})))[0]
    point = db.session.scalars(select(ContactPoint.id).where(ContactPoint.customer_id == found)).one()
    with transaction() as session:
        session.add(Ground(contact_point_id=point, channel=Channel.EMAIL, kind=GroundKind.CONTRACT, since=FIXED_NOW))

    take(Incoming("c1", email="a@example.com", grounds=CONSENT), days=1)

    assert grounds(found)[-1] == (GroundKind.CONSENT, False)


def test_repeating_a_chunk_changes_nothing(take) -> None:
    rows = [
        Incoming(
            f"c{number}", f"Ім’я {number}", f"p{number % 3}@example.com", f"+38067000000{number}", grounds=CONTRACT
        )
        for number in range(6)
    ]
    first = take(*rows)
    before = {(p.customer_id, p.kind, p.value) for p in db.session.scalars(select(ContactPoint))}

    assert take(*rows) == first
    assert len(before) == db.session.scalar(select(func.count()).select_from(ContactPoint))
    assert {(p.customer_id, p.kind, p.value) for p in db.session.scalars(select(ContactPoint))} == before


def test_one_pool_knows_nothing_of_another(take, company) -> None:
    with transaction() as session:
        other = type(company.pool)(name="Another")
        session.add(other)
        session.flush()
        other_id = other.id
    first = take(Incoming(email="a@example.com"), source_id=None)[0]
    with transaction():
        second = find_or_create([Incoming(email="a@example.com")], pool_id=other_id, source_id=None, now=FIXED_NOW)[0]

    assert first != second


def test_contact_points_have_their_kinds(take) -> None:
    found = take(Incoming(email="a@example.com", phone="+380671112233"))[0]

    kinds = {
        point.kind: point.value
        for point in db.session.scalars(select(ContactPoint).where(ContactPoint.customer_id == found))
    }
    assert kinds == {ContactKind.EMAIL: "a@example.com", ContactKind.PHONE: "+380671112233"}
