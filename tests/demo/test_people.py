"""Nobody in the demo exists: names, addresses and numbers are invented, and still have the right form."""

import re
from random import Random

import phonenumbers
import pytest
from email_validator import validate_email

from npsapp.demo import company, people
from npsapp.demo.foundation import SENDER_ADDRESS
from npsapp.permissions import Role
from tests.demo.conftest import Story

COLLEAGUES = company.COMPANY["colleagues"]
PERFORMERS = company.COMPANY["performers"]


def test_no_address_belongs_to_a_real_domain(story: Story):
    addresses = [one.email for one in story.past.customers if one.email]
    addresses += [one["email"] for one in COLLEAGUES] + [SENDER_ADDRESS]

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
    ("language", "pattern"), [("uk", r"[^ ]+(у|о|ю|є|е|і) [^ ]+(у|о)"), ("ru", r"[А-ЯЁ][а-яё]+ [А-ЯЁ][а-яё]+(ич|на)")]
)
def test_people_are_addressed_as_their_language_asks(language, pattern):
    chance = Random(2)

    for _ in range(300):
        _, spoken = people.person(chance, language)
        assert re.fullmatch(pattern, spoken), spoken


def test_addresses_are_made_from_the_name_by_the_official_romanisation():
    assert people.email("Хутірчук Юлія Петрівна", 7) == "khutirchuk.iuliia7@example.org"
    assert people.email("ТОВ «Щавленко»", 8) == "tov.shchavlenko8@example.net"


def test_the_company_has_six_regions_24_units_60_performers_and_three_segments():
    assert (len(company.REGIONS), len(company.UNITS), len(PERFORMERS)) == (6, 24, 60)
    assert len(company.SEGMENTS) == 3
    assert {one["role"] for one in PERFORMERS} == {"seller", "courier", "assembler", "engineer"}
    assert len({one["name"] for one in PERFORMERS}) == 60


def test_everything_people_read_has_a_name_in_three_languages():
    tables = (company.REGIONS, company.UNITS, company.SEGMENTS, company.TOUCHPOINTS)
    named = [one["name"] for table in tables for one in table.values()]

    for names in [*named, company.COMPANY["brand"]["name"]]:
        assert set(names) == {"ru", "uk", "en"}
        assert all(names.values())


def test_every_region_has_a_manager_and_somebody_takes_the_rest():
    managed = [one["region"] for one in COLLEAGUES if one["role"] == "manager"]

    assert sorted(managed) == sorted(company.REGIONS)
    assert sum("fallback" in one for one in COLLEAGUES) == 1
    assert {one["role"] for one in COLLEAGUES} == set(Role)
