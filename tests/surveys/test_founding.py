"""Whoever sends in purchases on an empty database gets a company that can ask."""

from datetime import datetime
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import func, select

from npsapp.audit.services import COMMAND
from npsapp.db import db, transaction
from npsapp.delivery.models import Sender
from npsapp.organization.models import Brand, Pool
from npsapp.surveys import founding, queries
from npsapp.surveys.founding import found_company
from npsapp.surveys.models import Survey


def found(now: datetime) -> Brand:
    with transaction():
        return found_company(actor=COMMAND, now=now)


def test_an_empty_database_gets_a_company_that_asks_after_purchases(app: Flask, now: datetime) -> None:
    brand = found(now)

    assert (brand.key, brand.language, brand.timezone) == ("company", "uk", "Europe/Kyiv")
    assert brand.name.keys() == brand.phrase.keys() == {"en", "ru", "uk"}
    touchpoint = queries.touchpoint_lookup(brand.pool_id)["purchase"]
    assert queries.active_map().keys() == {(brand.id, touchpoint)}
    assert db.session.scalars(select(Sender.brand_id)).all() == []  # nobody said from whom letters come


@pytest.mark.parametrize("table", [Pool, Brand, Survey])
def test_founding_twice_changes_nothing(app: Flask, now: datetime, table: type) -> None:
    assert found(now).id == found(now).id

    assert db.session.scalar(select(func.count()).select_from(table)) == 1


def test_a_company_that_was_set_up_stays_as_it_is(company: SimpleNamespace, now: datetime) -> None:
    assert found(now).id == company.brand.id

    assert len(queries.surveys()) == 1


def test_a_company_whose_brands_are_all_retired_gets_a_new_one(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        company.brand.retired_at = now

    brand = found(now)

    assert brand.id != company.brand.id
    assert brand.pool_id != company.pool.id
    assert [asks for asks, _touchpoint in queries.active_map() if asks == brand.id] == [brand.id]


def test_who_sets_up_afterwards_names_the_company_a_file_made(app: Flask, now: datetime) -> None:
    made = found(now).id

    with transaction():
        survey = founding.found(
            founding.Company({"en": "Dreno"}, {}, sender="hello@dreno.example", reply_to="hi@dreno.example"),
            actor=COMMAND,
            now=now,
        )

    assert (survey.brand_id, survey.brand.name["en"], survey.brand.contact_email) == (made, "Dreno", "hi@dreno.example")
    assert db.session.scalars(select(Sender.address)).all() == ["hello@dreno.example"]
    assert founding.unfinished() is None
