"""Phone numbers as people write them, turned into E.164."""

import re
from functools import cache, lru_cache
from importlib.resources import files

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat, PhoneNumberType

DEFAULT_COUNTRY = "UA"
LONGEST_CELL = 200  # characters; a longer text in a phone column is a remark, not a number

_EXTENSION = re.compile(r"(?i)[,\s(]*(?:доб|дод|вн|внутр|ext|x)\.?\s*\d{1,6}\)?\s*$")
_BETWEEN = re.compile(r"[;,/|\n\r]+|\s+(?=\+)|\s+(?:и|або|или|or|та)\s+")
_FLOAT = re.compile(r"(\d{7,15})[.,]0+")
_NOT_DIGITS = re.compile(r"[\s().\-‐‑–—\u00a0\u202f]+")


@cache
def _zone_countries() -> dict[str, str]:
    """Time zone → country (ISO 3166) of the time zone database; a zone claimed by two counts for the later line."""
    lines = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines()
    cells = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {zone_name: country for country, _place, zone_name, *_ in cells}


def country_of_zone(zone_name: str) -> str:
    """The country whose numbers are meant in a time zone (ISO 3166), Ukraine where the zone does not tell."""
    return _zone_countries().get(zone_name, DEFAULT_COUNTRY)


def normalise(text: str, country: str = DEFAULT_COUNTRY) -> str | None:
    """One number as E.164 ("+380671234567"), or None when it is no possible number of a subscriber.

    `country` says how to read a number without its country code. Extensions are dropped: nobody can send
    an SMS to one.
    """
    return _mobile(_NOT_DIGITS.sub("", text), country) or _parsed(text, country)


@lru_cache(maxsize=2_000)
def _parsed(text: str, country: str) -> str | None:
    bare = _NOT_DIGITS.sub("", _FLOAT.sub(r"\1", _EXTENSION.sub("", text)))
    for candidate in _readings(bare, country):
        try:
            number = phonenumbers.parse(candidate, country)
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return None


def numbers_in(cell: str, country: str = DEFAULT_COUNTRY) -> list[str]:
    """All numbers of a cell, in order, each once; what is no number is left out."""
    if len(cell) > LONGEST_CELL:
        return []
    whole = normalise(cell, country)
    if whole:
        return [whole]
    found = (normalise(part, country) for part in _BETWEEN.split(_EXTENSION.sub("", cell)) if part.strip())
    return list(dict.fromkeys(number for number in found if number))


def _readings(bare: str, country: str) -> list[str]:
    readings = [bare]
    if country == "UA" and re.fullmatch(r"80\d{9}", bare):
        readings.append("+3" + bare)  # "8 067 …", as in Ukraine until 2009 and in old files
    if re.fullmatch(r"00\d{9,14}", bare):
        readings.append("+" + bare[2:])
    if re.fullmatch(r"\d{11,14}", bare):
        readings.append("+" + bare)
    return readings


# The library takes 45 µs for a number; mobile ones of two countries go by its own patterns in 1.
# Country: code, and what stands before the number inside of the country.
_QUICK = {"UA": ("380", "0"), "RU": ("7", "8")}


@cache
def _mobile_pattern(country: str) -> re.Pattern[str]:
    """Mobile numbers of these countries, a group for each, as they are written in one country."""
    written = []
    for quick, (code, trunk) in _QUICK.items():
        metadata = PhoneMetadata.metadata_for_region(quick)
        assert metadata is not None  # noqa: S101 - the data come with the library
        assert metadata.mobile is not None  # noqa: S101
        before = rf"(?:\+?{code}|{trunk})" if quick == country else rf"\+?{code}"
        written.append(f"{before}(?P<{quick}>{metadata.mobile.national_number_pattern})")
    return re.compile("|".join(written), re.ASCII)


def _mobile(bare: str, country: str) -> str | None:
    found = _mobile_pattern(country).fullmatch(bare)
    meant = found.lastgroup if found else None
    return f"+{_QUICK[meant][0]}{found[meant]}" if found and meant else None


@lru_cache(maxsize=10_000)
def is_mobile(number: str) -> bool:
    """Whether an E.164 number can get SMS: a mobile one, or one whose country does not tell."""
    if _mobile(number, ""):
        return True
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number))
    except NumberParseException:
        return False
    return kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
