"""Nobody in the demo exists: names, addresses and numbers are invented, and still have the right form."""

import re
from random import Random

import phonenumbers
import pytest
from email_validator import validate_email

from npsapp.demo import people, places
from npsapp.demo.foundation import COLLEAGUES, SENDER_ADDRESS
from npsapp.permissions import Role
from tests.demo.conftest import Story


def test_no_address_belongs_to_a_real_domain(story: Story):
    addresses = [one.email for one in story.past.customers if one.email]
    addresses += [one.email for one in COLLEAGUES] + [SENDER_ADDRESS]

    assert {address.partition("@")[2] for address in addresses} <= set(people.MAIL_DOMAINS)
    assert len(set(addresses[:-1])) == len(addresses) - 1


def test_addresses_have_the_form_of_addresses(story: Story):
    for one in story.past.customers[:2000]:
        if one.email:
            validate_email(one.email, check_deliverability=False, test_environment=True)
            assert one.email == one.email.lower()


def test_phone_numbers_are_valid_unused_and_given_once(story: Story):
    numbers = [one.phone for one in story.past.customers if one.phone]

    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        assert re.fullmatch(r"\+380\d\d000\d{4}", number), number
        assert phonenumbers.is_valid_number(phonenumbers.parse(number)), number


def test_firms_are_never_addressed_by_name(story: Story):
    firms = [one for one in story.past.customers if one.is_firm]

    assert firms
    assert not any(one.address_as for one in firms)
    assert all(one.address_as for one in story.past.customers if not one.is_firm)


def test_only_firms_are_key_customers_and_few_of_them(story: Story):
    keys = [one for one in story.past.customers if one.is_key]

    assert all(one.is_firm for one in keys)
    assert 20 < len(keys) < 250


@pytest.mark.parametrize(
    ("language", "pattern"),
    [
        ("uk", r"[^ ]+( [^ ]+(у|о|ю|є|е|і))?"),
        ("ru", r"[А-ЯЁ][а-яё]+( [А-ЯЁ][а-яё]+(ич|на))?"),
    ],
)
def test_people_are_addressed_as_their_language_asks(language, pattern):
    chance = Random(2)

    for _ in range(300):
        name = people.person(chance, language)
        assert name.address_as
        assert re.fullmatch(pattern, name.address_as), name


def test_ukrainian_names_are_written_in_latin_letters_by_the_official_table():
    assert people.latin("Хутірчук") == "khutirchuk"
    assert people.latin("Юлія") == "yuliia"
    assert people.latin("Щавленко") == "shchavlenko"


def test_the_company_has_six_regions_24_units_and_60_performers():
    crew = places.performers(Random(1))

    assert len(places.REGIONS) == 6
    assert len(places.UNITS) == 24
    assert len(crew) == 60
    assert {one.role for one in crew} == {"seller", "courier", "assembler", "engineer"}
    assert len({one.name for one in crew}) == 60


def test_everything_people_read_has_a_name_in_three_languages():
    named = [one.names for one in (*places.REGIONS, *places.UNITS)]
    named += [*places.SEGMENTS.values(), *places.TOUCHPOINTS.values(), places.BRAND]

    for names in named:
        assert set(names) == {"ru", "uk", "en"}
        assert all(names.values())


def test_every_region_has_a_manager_and_somebody_takes_the_rest():
    managed = [one.region for one in COLLEAGUES if one.role is Role.MANAGER]

    assert sorted(managed) == sorted(region.key for region in places.REGIONS)
    assert sum(one.fallback for one in COLLEAGUES) == 1
    assert {one.role for one in COLLEAGUES} == set(Role)
