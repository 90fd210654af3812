"""Where the demo company may be loaded, and where it must not."""

from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from npsapp.accounts.models import User
from npsapp.accounts.services import EmailTaken, create_user
from npsapp.audit.services import COMMAND
from npsapp.db import db, transaction
from npsapp.demo import loader, services
from npsapp.organization.models import Brand
from npsapp.permissions import Role
from tests.demo.conftest import DRAWN_AT


def test_an_empty_database_wants_the_demo(app: Flask):
    assert services.is_wanted()
    assert not services.is_loaded()


def test_beside_a_real_company_it_is_refused(company: SimpleNamespace, drawn: loader.Drawn):
    assert not services.is_wanted()
    with pytest.raises(services.AnotherCompany), transaction():
        services.load(drawn, now=DRAWN_AT)


def test_a_failure_in_between_leaves_nothing(app: Flask, drawn: loader.Drawn):
    with transaction():
        create_user(
            email="vinnytsia@example.com",
            name="Somebody",
            role=Role.ADMINISTRATOR,
            language="en",
            password_hash="",
            region_ids=[],
            actor=COMMAND,
            now=DRAWN_AT,
        )

    with pytest.raises(EmailTaken), transaction():
        services.load(drawn, now=DRAWN_AT)

    assert not services.is_loaded()
    assert db.session.scalars(select(User.email)).all() == ["vinnytsia@example.com"]
    for table in ("brand", "region", "survey", "source", "cause"):
        assert db.session.scalar(select(func.count()).select_from(db.metadata.tables[table])) == 0


@pytest.mark.usefixtures("loaded")
def test_a_demo_that_was_removed_does_not_come_back():
    with transaction() as session:
        session.execute(update(Brand).values(is_demo=False))

    assert services.was_removed()
    assert not services.is_wanted()
