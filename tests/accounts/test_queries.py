"""Who answers for a region, and what a user sees."""

import pytest
from sqlalchemy import delete

from npsapp.accounts import queries
from npsapp.accounts.models import Duty, User, UserRegion
from npsapp.db import db, transaction
from npsapp.organization.models import Region
from npsapp.permissions import EVERYTHING, Scope


def make_region(company, key, parent, now):
    region = Region(pool_id=company.pool.id, key=key, name={"en": key}, aliases=[], parent_id=parent.id, created_at=now)
    db.session.add(region)
    db.session.flush()
    return region


def test_the_manager_of_the_region_owns_its_cases(company):
    assert queries.owner_for_region(company.regions.kyiv.id) == company.manager_kyiv.id


def test_the_manager_of_the_region_above_stands_in(company, now):
    with transaction():
        suburb = make_region(company, "brovary", company.regions.kyiv, now)

    assert queries.owner_for_region(suburb.id) == company.manager_kyiv.id


def test_without_a_region_the_fallback_owner_gets_the_case(company):
    assert queries.owner_for_region(None) == company.admin.id


def test_a_blocked_manager_owns_nothing_new(company, now):
    with transaction():
        db.session.get(User, company.manager_kyiv.id).blocked_at = now

    assert queries.owner_for_region(company.regions.kyiv.id) == company.admin.id


def test_an_administrator_takes_what_nobody_stands_in_for(company):
    with transaction():
        db.session.execute(delete(Duty))

    assert queries.owner_for_region(company.regions.odesa.id) == company.admin.id


def test_somebody_takes_it_even_without_administrators(company, now):
    with transaction():
        db.session.execute(delete(Duty))
        db.session.get(User, company.admin.id).blocked_at = now

    assert queries.owner_for_region(None) == company.analyst.id


def test_with_nobody_left_there_is_no_owner(company, now):
    with transaction():
        for user in db.session.query(User):
            user.blocked_at = now

    with pytest.raises(queries.NoOwner):
        queries.owner_for_region(company.regions.kyiv.id)


def test_managers_see_their_regions_with_everything_inside(company, now):
    with transaction():
        suburb = make_region(company, "brovary", company.regions.kyiv, now)

    assert queries.scope_of(company.manager_kyiv) == Scope(frozenset({company.regions.kyiv.id, suburb.id}))


def test_a_manager_without_regions_sees_nothing_and_others_everything(company):
    with transaction():
        db.session.execute(delete(UserRegion))

    assert queries.scope_of(company.manager_kyiv) == Scope(frozenset())
    assert queries.scope_of(company.support) == EVERYTHING


def test_support_may_be_limited_to_a_region(company):
    with transaction():
        db.session.add(UserRegion(user_id=company.support.id, region_id=company.regions.odesa.id))

    assert queries.scope_of(company.support) == Scope(frozenset({company.regions.odesa.id}))


def test_only_people_who_see_the_region_may_take_its_cases(company):
    names = [user.name for user in queries.may_take(company.regions.kyiv.id)]

    assert names == ["Andriy", "Olena", "Petro"]


def test_regions_nobody_manages_are_named(company, now):
    with transaction():
        db.session.execute(delete(Duty).where(Duty.region_id == company.regions.odesa.id))

    assert [region.key for region in queries.managers_missing()] == ["odesa"]


def test_colleagues_stand_by_name_and_blocked_ones_last(company, now):
    with transaction():
        db.session.get(User, company.support.id).name = "ґалина їжак"
        db.session.get(User, company.admin.id).blocked_at = now

    assert [user.name for user in queries.users()] == ["Andriy", "Ivan", "Vira", "ґалина їжак", "Olena"]


def test_labels_name_blocked_people_too(company, now):
    with transaction():
        db.session.get(User, company.support.id).blocked_at = now

    assert queries.labels([company.support.id, 999_999]) == {company.support.id: "Petro"}
