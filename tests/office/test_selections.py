"""Lists of customers, selections saved under a name, tags, and key customers by rule and by hand."""

from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from npsapp.audit.services import by_user
from npsapp.customers import care, matching, tags
from npsapp.customers.models import Customer, Tag
from npsapp.db import db, transaction
from npsapp.intake import selections
from npsapp.intake.selections import Rule
from npsapp.permissions import EVERYTHING, Scope
from npsapp.reports import services as reports
from npsapp.responses import services as responses
from npsapp.responses.models import Response
from npsapp.responses.tags import derive_again
from tests import cast, factories


@pytest.fixture
def admin(client: FlaskClient, login: Any, company: SimpleNamespace) -> FlaskClient:
    return login(client, company.admin)


@pytest.fixture
def buyers(company: SimpleNamespace, at_now: datetime) -> SimpleNamespace:
    """Anna bought for 900 in Kyiv, Boris for 100 and 300 in Odesa, Vera for 5,000 two years ago."""
    kyiv, lviv = company.regions.kyiv.id, company.regions.odesa.id
    bought = {"Anna": [(900, 3, kyiv)], "Boris": [(100, 5, lviv), (300, 9, lviv)], "Vera": [(5000, 730, kyiv)]}
    ids = {}
    with transaction():
        for name, purchases in bought.items():
            one = factories.make_customer(
                company, now=at_now, region_id=purchases[0][2], name=name, email=f"{name.lower()}@example.com"
            )
            ids[name] = one.id
            for amount, days, region_id in purchases:
                factories.make_interaction(
                    company, now=at_now, customer=one, region_id=region_id, amount=Decimal(amount), currency="UAH",
                    happened_at=at_now - timedelta(days=days),
                )  # fmt: skip
    return SimpleNamespace(company=company, now=at_now, kyiv=kyiv, lviv=lviv, **ids)


def taken(buyers: SimpleNamespace, scope: Scope = EVERYTHING, **asked: Any) -> set[str]:
    ids = selections.people(Rule(currency="UAH", **asked), now=buyers.now, scope=scope)
    return set(db.session.scalars(select(Customer.name).where(Customer.id.in_(ids))))


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"turnover_from": "400"}, {"Anna", "Boris", "Vera"}),
        ({"turnover_from": "400", "days": 365}, {"Anna", "Boris"}),
        ({"amount_from": "301"}, {"Anna", "Vera"}),
        ({"purchases_from": 2}, {"Boris"}),
        ({"top": 1}, {"Vera"}),
        ({"top": 1, "days": 30}, {"Anna"}),
        ({"days": 4}, {"Anna"}),
        ({"tag": "vip"}, {"Boris"}),
        ({"tag": "vip", "days": 1}, set()),
        ({}, {"Anna", "Boris", "Vera"}),
    ],
)
def test_a_rule_takes_whoever_fulfils_all_of_it(
    buyers: SimpleNamespace, asked: dict[str, Any], names: set[str]
) -> None:
    with transaction():
        tags.put(buyers.Boris, "vip", actor=by_user(buyers.company.admin.id), now=buyers.now)

    assert taken(buyers, **asked) == names


def test_a_manager_counts_purchases_of_the_own_region_only(buyers: SimpleNamespace) -> None:
    assert taken(buyers, Scope(frozenset({buyers.lviv})), turnover_from="400") == {"Boris"}


def test_who_was_merged_counts_for_whoever_stands_for_them(buyers: SimpleNamespace) -> None:
    with transaction():
        db.session.get_one(Customer, buyers.Anna).merged_into_id = buyers.Boris

    assert taken(buyers, turnover_from="1300", days=30) == {"Boris"}


def test_a_selection_makes_key_customers_and_lets_them_go(buyers: SimpleNamespace) -> None:
    me, rule = by_user(buyers.company.admin.id), Rule(turnover_from="800", days=365, currency="UAH")
    with transaction():
        care.say_key(buyers.Vera, is_key=True, actor=me, now=buyers.now)
        saved = selections.save(None, "Big spenders", rule, makes_key=True, actor=me, now=buyers.now)

    assert keys() == {"Anna", "Vera"}

    with transaction():
        selections.save(saved.id, "Big spenders", Rule(purchases_from=2), makes_key=True, actor=me, now=buyers.now)

    assert keys() == {"Boris", "Vera"}

    with transaction():
        selections.delete(saved.id, actor=me, now=buyers.now)

    assert keys() == {"Vera"}


def keys() -> set[str]:
    db.session.expire_all()
    return set(db.session.scalars(select(Customer.name).where(Customer.is_key.is_(True))))


def test_a_file_does_not_overrule_what_a_colleague_said(buyers: SimpleNamespace) -> None:
    me = by_user(buyers.company.admin.id)
    with transaction():
        care.say_key(buyers.Anna, is_key=False, actor=me, now=buyers.now)
        row = matching.Incoming(email="anna@example.com", is_key=True)
        matching.find_or_create([row], pool_id=buyers.company.pool.id, source_id=None, now=buyers.now)

    assert keys() == set()


def test_answers_tag_their_customers_with_the_last_score_of_each_survey(buyers: SimpleNamespace) -> None:
    with transaction():
        answer = factories.make_response(buyers.company, now=buyers.now, score=9, customer_id=buyers.Anna)
    recount(answer)

    assert tags_of(buyers.Anna) == {"nps:9", "promoter"}

    with transaction():
        later = factories.make_response(
            buyers.company, now=buyers.now + timedelta(days=1), score=3, customer_id=buyers.Anna
        )
    recount(later)

    assert tags_of(buyers.Anna) == {"nps:3", "detractor"}

    with transaction():
        db.session.merge(later).voided_at, later.void_reason = buyers.now, "test"
    recount(later)

    assert tags_of(buyers.Anna) == {"nps:9", "promoter"}


def recount(answer: Any) -> None:
    with transaction():
        responses.mark_dirty(answer.survey_id, answer.local_date)
        reports.recount_dirty_days()


def tags_of(customer_id: int) -> set[str]:
    return set(db.session.scalars(select(Tag.name).where(Tag.customer_id == customer_id)))


def test_a_list_is_narrowed_kept_and_opened_again(buyers: SimpleNamespace, admin: FlaskClient) -> None:
    page = admin.get("/customers/people?turnover_from=400&days=365").get_data(as_text=True)

    assert "Anna" in page
    assert "Boris" in page
    assert "Vera" not in page

    press(admin, "/customers/selections/", name="Good ones", turnover_from="400", days="365")
    listed = admin.get("/customers/selections/").get_data(as_text=True)

    assert "Good ones" in listed
    assert "bought in the last 365 days" in listed

    id_ = selections.saved()[0].id
    opened = admin.get(f"/customers/people?selection={id_}", follow_redirects=True).get_data(as_text=True)

    assert "Anna" in opened
    assert "Vera" not in opened

    answers = admin.get(f"/answers/?selection={id_}")
    report = admin.get(f"/reports/?selection={id_}&period=all")

    assert answers.status_code == report.status_code == 200
    assert "Good ones" in report.get_data(as_text=True)


def test_everybody_is_no_selection(buyers: SimpleNamespace, admin: FlaskClient) -> None:
    press(admin, "/customers/selections/", name="All", days="many")

    assert selections.saved() == []


def test_tags_are_put_on_and_taken_off_by_hand(buyers: SimpleNamespace, admin: FlaskClient) -> None:
    press(admin, f"/customers/{buyers.Anna}/tag", tag="  Likes   Tea ")

    assert tags_of(buyers.Anna) == {"likes tea"}
    assert "likes tea" in admin.get("/customers/tags/").get_data(as_text=True)

    press(admin, f"/customers/{buyers.Anna}/tag", tag="promoter")
    press(admin, f"/customers/{buyers.Anna}/untag", tag="likes tea")

    assert tags_of(buyers.Anna) == set()


def test_whoever_sees_one_region_changes_only_selections_of_the_own(
    buyers: SimpleNamespace, client: FlaskClient, login: Any
) -> None:
    company, rule = buyers.company, Rule(days=30)
    with transaction():
        by = by_user(company.admin.id)
        theirs = selections.save(None, "Of all", rule, makes_key=True, actor=by, now=buyers.now).id
    manager = login(client, company.manager_kyiv)
    press(manager, "/customers/selections/", name="My own", days="7")
    mine = next(one.id for one in selections.saved() if one.id != theirs)

    answers = [
        press(manager, "/customers/selections/", name="Taken over", days="7", selection=str(theirs)),
        press(manager, f"/customers/selections/{theirs}/delete"),
        press(manager, "/customers/selections/", name="Still mine", days="9", selection=str(mine)),
        press(manager, "/customers/selections/", name="Nobody's", days="9", selection="999999"),
    ]

    assert [one.status_code for one in answers] == [403, 403, 303, 404]
    db.session.expire_all()
    assert {one.name: one.makes_key for one in selections.saved()} == {"Of all": True, "Still mine": False}
    listed = manager.get("/customers/selections/").text
    assert f"/{mine}/delete" in listed
    assert f"/{theirs}/delete" not in listed

    press(manager, f"/customers/selections/{mine}/delete")

    assert [one.name for one in selections.saved()] == ["Of all"]


def test_tags_of_other_regions_are_not_offered(buyers: SimpleNamespace) -> None:
    with transaction():
        tags.put(buyers.Anna, "tea", actor=by_user(buyers.company.admin.id), now=buyers.now)
        tags.put(buyers.Boris, "coffee", actor=by_user(buyers.company.admin.id), now=buyers.now)

    assert tags.names(Scope(frozenset({buyers.kyiv}))) == ["tea"]
    assert tags.names(EVERYTHING) == ["coffee", "tea"]


def test_a_tag_from_an_answer_lies_where_the_answer_was_given(buyers: SimpleNamespace) -> None:
    with transaction():
        for who, region_id, score in ((buyers.Anna, buyers.lviv, 3), (buyers.Boris, buyers.kyiv, 9)):
            factories.make_response(buyers.company, now=buyers.now, score=score, customer_id=who, region_id=region_id)
        days = {(one.survey_id, one.local_date) for one in db.session.scalars(select(Response))}
        derive_again(days)
        tags.put(buyers.Anna, "vip", actor=by_user(buyers.company.admin.id), now=buyers.now)
    kyiv, lviv = (Scope(frozenset({region_id})) for region_id in (buyers.kyiv, buyers.lviv))

    def of_anna(scope: Scope) -> list[str]:
        return [one.name for one in tags.of_person(buyers.Anna, scope)]

    assert set(tags.names(kyiv)) & {"detractor", "promoter"} == {"promoter"}
    assert set(tags.names(lviv)) & {"detractor", "promoter"} == {"detractor"}
    assert tags.by_month(buyers.now.date(), lviv)["detractor"][None] == 1
    assert "detractor" not in tags.by_month(buyers.now.date(), kyiv)
    assert of_anna(EVERYTHING) == of_anna(lviv) == ["vip", "detractor", "nps:3"]
    assert of_anna(kyiv) == ["vip"]
    assert [taken(buyers, scope, tag="detractor") for scope in (kyiv, lviv)] == [set(), {"Anna"}]


def test_the_table_escapes_formulas(buyers: SimpleNamespace, admin: FlaskClient) -> None:
    with transaction():
        db.session.get_one(Customer, buyers.Anna).name = "=HYPERLINK(1)"

    table = admin.get("/customers/people.csv?days=4").get_data(as_text=True)

    assert "'=HYPERLINK(1)" in table


def press(client: FlaskClient, path: str, **words: Any) -> Any:
    token = cast.csrf(client.get("/profile").get_data(as_text=True))
    return client.post(path, data={"csrf_token": token, **words})
