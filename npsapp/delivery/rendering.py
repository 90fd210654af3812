"""Letters in words and layout: the invitation with its scale, and letters to staff."""

import re
from base64 import encodebytes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template
from markupsafe import escape

from npsapp.delivery.blocks import Words
from npsapp.i18n import speaking
from npsapp.lib.texts import text_in
from npsapp.organization.models import Brand
from npsapp.organization.rules import readable_accent

ROOT = "delivery/mail"


@dataclass(frozen=True)
class Letter:
    """A letter ready for `delivery.services.queue`."""

    subject: str
    body: str
    html: str


@dataclass(frozen=True)
class Scale:
    """The eleven links of an invitation: the question, the words at the ends, and the address of each score."""

    question: str
    low: str
    high: str
    link: str
    """Address of the page; a score is appended as `/<score>`."""

    def href(self, score: int) -> str:
        return f"{self.link}/{score}"


def invitation(
    brand: Brand,
    *,
    language: str,
    words: Words,
    scale: Scale,
    unsubscribe_url: str,
    privacy_url: str,
    logo: str = "",
    site: str = "",
) -> Letter:
    """A letter to a customer with the scale in it. `logo` is a file name; `site` is where it and other pictures lie."""
    values = {
        "brand_name": text_in(brand.name, language),
        "address": text_in(brand.postal_address, language),
        "accent": readable_accent(brand.accent),
        "group_colours": brand.group_colours,
        "logo": logo,
        "pictures": f"{site}/logos/",
        "language": language,
        "subject": words.subject,
        "blocks": words.blocks,
        "scale": scale,
        "unsubscribe_url": unsubscribe_url,
        "privacy_url": privacy_url,
    }
    with speaking(language):
        return Letter(
            subject=" ".join(words.subject.split()),
            body=render_template(f"{ROOT}/invitation.txt", **values).strip() + "\n",
            html=_own(words.html, values) if words.html else render_template(f"{ROOT}/invitation.html", **values),
        )


def _own(html: str, values: Mapping[str, Any]) -> str:
    """HTML somebody wrote, with the scale and the links in it."""
    filled = {
        "scale": render_template(f"{ROOT}/scale.html", **values),
        "unsubscribe": str(escape(values["unsubscribe_url"])),
        "privacy": str(escape(values["privacy_url"])),
    }
    return _FOR_US.sub(lambda found: filled[found[1]], html)


_FOR_US = re.compile(r"\{\{\s*(scale|unsubscribe|privacy)\s*\}\}")
HEADERS = 3000  # bytes of all headers, long names in Cyrillic and DKIM included


def weight(letter: Letter) -> int:
    """About how many bytes the letter takes on the wire, both parts in base64."""
    return HEADERS + sum(len(encodebytes(part.encode())) for part in (letter.body, letter.html))


def staff_letter(folder: str, *, language: str, **values: Any) -> Letter:
    """A letter to a colleague from `<folder>/subject.txt`, `body.txt` and `body.html`, in the colleague's language.

    The bodies may extend `delivery/mail/staff.txt` and `delivery/mail/staff.html`. Needs an application context.
    """
    with speaking(language):
        values = {"language": language} | values
        return Letter(
            subject=" ".join(render_template(f"{folder}/subject.txt", **values).split()),
            body=render_template(f"{folder}/body.txt", **values).strip() + "\n",
            html=render_template(f"{folder}/body.html", **values),
        )
