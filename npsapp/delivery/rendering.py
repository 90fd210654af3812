"""Letters in words and layout: the invitation with its scale, and letters to staff."""

from dataclasses import dataclass
from typing import Any

from flask import render_template

from npsapp.i18n import speaking
from npsapp.lib.texts import text_in
from npsapp.organization.models import Brand

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
    subject: str,
    before: str,
    after: str,
    scale: Scale,
    unsubscribe_url: str,
    privacy_url: str,
    logo_url: str = "",
) -> Letter:
    """A letter to a customer with the scale in it. `before` and `after` are plain text, blank lines part paragraphs."""
    values = {
        "brand_name": text_in(brand.name, language),
        "address": text_in(brand.postal_address, language),
        "accent": brand.accent,
        "group_colours": brand.group_colours,
        "logo_url": logo_url,
        "language": language,
        "subject": subject,
        "before": paragraphs(before),
        "after": paragraphs(after),
        "scale": scale,
        "unsubscribe_url": unsubscribe_url,
        "privacy_url": privacy_url,
    }
    with speaking(language):
        return Letter(
            subject=" ".join(subject.split()),
            body=render_template(f"{ROOT}/invitation.txt", **values).strip() + "\n",
            html=render_template(f"{ROOT}/invitation.html", **values),
        )


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


def paragraphs(text: str) -> list[str]:
    """Plain text cut at blank lines; single line breaks stay inside a paragraph."""
    blocks = text.replace("\r\n", "\n").split("\n\n")
    return [block.strip() for block in blocks if block.strip()]
