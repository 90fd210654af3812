"""The words of one invitation: values for placeholders, and the letter with its eleven links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from babel.dates import format_date

from npsapp.customers.links import unsubscribe_token
from npsapp.db import Texts
from npsapp.delivery import rendering
from npsapp.intake.models import Interaction
from npsapp.lib.clock import local_date
from npsapp.lib.texts import text_in
from npsapp.organization import queries as organization
from npsapp.organization.rules import company_phrase
from npsapp.surveys import letters, queries as surveys, rules as wording
from npsapp.surveys.models import SurveyVersion


@dataclass(frozen=True)
class Addresses:
    """Where links in letters lead: the public address of this installation and the keys that sign."""

    public_url: str
    keys: Sequence[str]


def values_for(interaction: Interaction, language: str) -> dict[str, str]:
    """What the placeholders of survey and letter stand for, in one language. Needs brand, unit and region loaded."""
    brand, region, customer = interaction.brand, interaction.region, interaction.customer
    purchase = about_purchase(
        language,
        name=customer.address_as if customer and not customer.is_firm else "",
        purchase=interaction,
        zone_name=organization.zone_of(region, brand),
        place=interaction.unit.name if interaction.unit else region.name if region else {},
    )
    return purchase | about_brand(language, names=brand.name, phrases=brand.phrase)


def about_brand(language: str, *, names: Texts, phrases: Texts) -> dict[str, str]:
    """What the placeholders of a brand stand for: the same for all its customers."""
    return {"brand": text_in(names, language), "company": company_phrase(language, names=names, phrases=phrases)}


def about_purchase(language: str, *, name: str, purchase: Any, zone_name: str, place: Texts | None) -> dict[str, str]:
    """What those of one purchase stand for, from single facts; `purchase` has title, number and happened_at.

    The day is the one on which it happened where the customer was: in the region's zone, else the brand's.
    """
    return {
        "name": name,
        "title": purchase.title,
        "number": purchase.number,
        "date": _in_words(local_date(purchase.happened_at, zone_name), language),
        "place": text_in(place, language),
    }


@lru_cache(maxsize=1024)
def _in_words(day: date, language: str) -> str:
    """ "3 November" in that language, with the month in its inflected form."""
    return format_date(day, "d MMMM", locale=language)


def letter(
    interaction: Interaction,
    version: SurveyVersion,
    *,
    language: str,
    token: str,
    contact_point_id: int | None,
    addresses: Addresses,
    step: int = surveys.FIRST,
    texts: Mapping[str, Texts] | None = None,
    values: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A letter of an invitation, as the post office takes it in: subject, texts, unsubscribe address.

    :param texts: what it says, part → language → text; None: text A of the step.
    :param values: what placeholders stand for; None: the facts of this interaction.
    """
    brand = interaction.brand
    site = brand.site(addresses.public_url)
    values = values_for(interaction, language) if values is None else values
    texts = surveys.letter(version.survey_id, step) if texts is None else texts
    page = wording.wording(surveys.questionnaire(version), language=language, values=values)
    unsubscribe = f"{site}/u/{unsubscribe_token(addresses.keys, contact_point_id, brand.id)}"
    letter = rendering.invitation(
        brand,
        language=language,
        words=letters.said(texts, language=language, values=values),
        scale=rendering.Scale(page.question, page.low, page.high, f"{site}/r/{token}"),
        unsubscribe_url=unsubscribe,
        privacy_url=f"{site}/privacy/{brand.key}?lang={language}",
        logo=page.picture or brand.logo,
        site=site,
    )
    return {"subject": letter.subject, "body": letter.body, "html": letter.html, "unsubscribe_url": unsubscribe}


def short_message(
    interaction: Interaction,
    *,
    language: str,
    link: str,
    texts: Mapping[str, Texts],
    values: Mapping[str, str] | None = None,
) -> str:
    """The SMS of an invitation on one line, with its link; `texts` are those of the step (see `lots.draw`)."""
    values = values_for(interaction, language) if values is None else values
    return letters.short_message(texts, language=language, values=values, link=link)
