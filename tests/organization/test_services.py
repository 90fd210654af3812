"""The company is entered, found by any spelling, and changed with a trace."""

from datetime import date, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from npsapp.audit.models import AuditEntry
from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.organization import queries, services
from npsapp.organization.models import Performer, Region, Unit
from npsapp.organization.rules import fold


@pytest.mark.parametrize("text", ["kyiv", "Київ", "КИЕВ", "Kyiv", "г. Киев"])
def test_a_region_is_found_by_key_any_name_and_alias(company: SimpleNamespace, text: str) -> None:
    with transaction():
        company.regions.kyiv.aliases = [fold("г. Киев")]

    found = queries.find_region(text, company.pool.id)

    assert found is not None
    assert found.id == company.regions.kyiv.id


@pytest.mark.parametrize("text", ["Полтава", "", "  ", "«»"])
def test_an_unknown_region_is_not_made_up(company: SimpleNamespace, text: str) -> None:
    assert queries.find_region(text, company.pool.id) is None


def test_a_retired_region_matches_nothing_new(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        company.regions.odesa.retired_at = now

    assert queries.find_region("Одеса", company.pool.id) is None
    assert queries.labels("region", [company.regions.odesa.id], "ru") == {company.regions.odesa.id: "Одесса"}


@pytest.fixture
def tree(company: SimpleNamespace, now: datetime) -> SimpleNamespace:
    """kyiv > city > district, and odesa beside it."""
    with transaction():
        city = services.create(
            Region, pool_id=company.pool.id, name={"en": "City"}, parent_id=company.regions.kyiv.id, now=now
        )
        district = services.create(Region, pool_id=company.pool.id, name={"en": "District"}, parent_id=city.id, now=now)
        return SimpleNamespace(
            kyiv=company.regions.kyiv.id, odesa=company.regions.odesa.id, city=city.id, district=district.id
        )


def test_a_subtree_has_everything_below(tree: SimpleNamespace) -> None:
    assert queries.subtree_ids([tree.kyiv]) == {tree.kyiv, tree.city, tree.district}
    assert queries.subtree_ids([tree.city, tree.odesa]) == {tree.city, tree.district, tree.odesa}
    assert queries.subtree_ids([]) == frozenset()


def test_the_tree_puts_children_below_their_parent(tree: SimpleNamespace) -> None:
    assert [(depth, region.id) for depth, region in queries.region_tree()] == [
        (0, tree.kyiv),
        (1, tree.city),
        (2, tree.district),
        (0, tree.odesa),
    ]


def test_a_region_cannot_lie_inside_itself(tree: SimpleNamespace, now: datetime) -> None:
    region = db.session.get_one(Region, tree.kyiv)

    with pytest.raises(services.WouldBeItsOwnParent), transaction():
        services.change_fields(region, {"parent_id": tree.district}, actor=PROGRAM, now=now)


def test_a_circle_in_the_tree_ends_every_question(tree: SimpleNamespace) -> None:
    with transaction():
        db.session.get_one(Region, tree.kyiv).parent_id = tree.district

    assert queries.subtree_ids([tree.city]) == {tree.kyiv, tree.city, tree.district}


def test_keys_are_made_of_names_and_numbered(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        keys = [services.create(Region, pool_id=company.pool.id, name={"uk": "Київ"}, now=now).key for _ in range(3)]

    assert keys == ["kiiv", "kiiv-2", "kiiv-3"]


def test_units_of_a_file_are_made_once_and_wait_for_a_look(company: SimpleNamespace, now: datetime) -> None:
    names = {fold("Склад № 2"): ("Склад № 2", company.regions.odesa.id), fold("Лівий берег"): ("Лівий берег", None)}
    for _ in range(2):
        with transaction():
            found = services.add_units(company.brand.id, names, now=now)

    made = db.session.get_one(Unit, found[fold("склад № 2")])
    assert not made.confirmed
    assert made.region_id == company.regions.odesa.id
    assert made.name == {"uk": "Склад № 2"}
    assert found[fold("Лівий берег")] == company.units.kyiv.id
    assert db.session.scalar(select(func.count()).select_from(Unit)) == 3


def test_an_alias_of_a_unit_makes_no_second_one(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        company.units.odesa.aliases = [fold("Одесса-порт")]
    with transaction():
        found = services.add_units(company.brand.id, {fold("ОДЕССА - ПОРТ"): ("ОДЕССА - ПОРТ", None)}, now=now)

    assert found[fold("Одесса-порт")] == company.units.odesa.id
    assert db.session.scalar(select(func.count()).select_from(Unit)) == 2


def test_performers_and_segments_of_a_file_are_made_once(company: SimpleNamespace, now: datetime) -> None:
    for _ in range(2):
        with transaction():
            performers = services.add_performers(company.brand.id, {fold("Артём К."): "Артём К."}, now=now)
            segments = services.add_segments(company.pool.id, {fold("Опт"): "Опт", fold("retail"): "Retail"}, now=now)

    assert db.session.scalar(select(func.count()).select_from(Performer)) == 1
    assert performers == queries.performer_lookup(company.brand.id)
    assert segments[fold("Retail")] == company.segment.id
    assert len(set(segments.values())) == 2


def test_an_empty_chunk_makes_nothing(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        services.add_units(company.brand.id, {}, now=now)
        assert services.add_performers(company.brand.id, {"": ""}, now=now) == {}

    assert db.session.scalar(select(func.count()).select_from(Unit)) == 2


def test_only_what_changed_is_recorded_and_no_contents(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        changed = services.change_fields(
            company.brand, {"accent": "#003366", "currency": "UAH"}, actor=PROGRAM, now=now
        )
        again = services.change_fields(company.brand, {"accent": "#003366"}, actor=PROGRAM, now=now)

    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.subject_type == "brand")).one()
    assert (changed, again) == (["accent"], [])
    assert entry.data == {"fields": ["accent"]}


def test_holidays_count_everywhere_or_in_one_region(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        for day, region_id in ((date(2026, 12, 25), None), (date(2026, 9, 2), company.regions.odesa.id)):
            services.add_holiday(day=day, region_id=region_id, name={"en": "Day"}, actor=PROGRAM, now=now)

    assert queries.holidays(company.regions.kyiv.id) == {date(2026, 12, 25)}
    assert queries.holidays(company.regions.odesa.id) == {date(2026, 12, 25), date(2026, 9, 2)}
    assert queries.holidays(None) == {date(2026, 12, 25)}


def test_names_are_shown_in_the_readers_language(company: SimpleNamespace) -> None:
    units = queries.labels("unit", [company.units.kyiv.id, company.units.kyiv.id], "ru")

    assert units == {company.units.kyiv.id: "Лівий берег"}
    assert queries.labels("brand", [], "ru") == {}
    assert [name for _, name in queries.choices("region", "ru")] == ["Киев", "Одесса"]


def test_a_regions_zone_is_its_own_or_the_brands(company: SimpleNamespace) -> None:
    with transaction():
        company.regions.odesa.timezone = None
        company.regions.kyiv.timezone = "Europe/Warsaw"

    assert queries.zone_of(company.regions.kyiv, company.brand) == "Europe/Warsaw"
    assert queries.zone_of(company.regions.odesa, company.brand) == "Europe/Kyiv"
    assert queries.zone_of(None, company.brand) == "Europe/Kyiv"
