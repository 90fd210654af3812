"""Further questions on the survey page: what a form says of them, how they stand there, how staff read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from markupsafe import Markup

from npsapp.customers import queries as customers
from npsapp.customers.rules import masked
from npsapp.i18n import language_now, speaking
from npsapp.lib import addresses, phones
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_, text_in
from npsapp.responses import open_rules, queries, rendering, rules
from npsapp.responses.forms import MORE, Fields
from npsapp.responses.models import Response
from npsapp.responses.queries import ANY, Link
from npsapp.surveys import filling, fixed, queries as surveys
from npsapp.surveys.filling import Filled, More, Value
from npsapp.surveys.rules import FURTHER, Asked, Kind, Questionnaire

ADDRESS, TIME = "contact_address", "contact_time"
"""Keys under which the details of "please contact me" are kept."""
LINE_MAX = 200  # characters of address and time
PLACES = {ADDRESS: N_("Phone number or e-mail address"), TIME: N_("When it is convenient")}


class NotAnswered(Refused):
    """A required question was left out."""

    wording = N_("Please answer: %(question)s")


class NoAddress(Refused):
    """Whoever wants to be contacted gave something that is neither number nor address."""

    wording = N_("Please write a phone number or an e-mail address.")


REFUSALS = (NotAnswered, NoAddress, rules.NotAScore, rules.TooLong, open_rules.NoReference, open_rules.TooMany)
fixed.SAID += [one.wording for one in REFUSALS]


@dataclass(frozen=True)
class Reading:
    """What a form says of further questions. With a refusal or something still unseen the answer is not final."""

    more: More
    contact: bool | None
    unseen: bool
    """Whether the answers lead to questions that the page did not show."""
    refusal: Refused | None


def read(link: Link, form: Fields, language: str) -> Reading | None:
    """What the form says; None when it says nothing, or the version has no further questions."""
    questions = rendering.further_of(link.content)
    score = rules.score_or_none(form.score)
    score = link.score if score is None else score
    if not questions or not form.asked or score is None:
        return None
    filled, sent = _filled(link, form, score), form.sent()
    contact = {"1": True, "0": False}.get(form.contact)
    offered = next((one for one in questions if one.kind is Kind.CONTACT), None)
    contact = None if offered and offered.key not in filled.shown else contact
    refusal: Refused | None = None
    if filled.missing:
        key = filled.missing[0].key
        refusal = NotAnswered(question=_in_words(link, key, language), at=key)
    more = dict(filled.values)
    if offered and offered.details and contact:
        typed = {key: " ".join(" ".join(sent.get(key, ())).split())[:LINE_MAX] for key in PLACES}
        try:
            more |= {key: text for key, text in _details(link, typed).items() if text}
        except NoAddress:
            refusal = refusal or NoAddress(at=offered.key)
    unseen = bool(set(filled.shown) - set(form.asked.split()))
    return Reading(more, contact, unseen, refusal)


def _filled(link: Link, form: Fields, score: int) -> Filled:
    return filling.read(rendering.further_of(link.content), rules.classify(score), form.sent())


def _in_words(link: Link, key: str, language: str) -> str:
    asked = rendering.wording_of(link, language).further
    return next((one.wording for one in asked if one.question.key == key), "")


def _details(link: Link, typed: Mapping[str, str]) -> dict[str, str]:
    """Number or address as it is dialled; the mask of the known one, left as it was, means the known one."""
    address, known = typed[ADDRESS], known_address(link)
    if known and address in ("", masked(known)):
        return {**typed, ADDRESS: known}
    country = phones.country_of_zone(link.zone)
    read_as = addresses.normalise(address) if "@" in address else phones.normalise(address, country)
    if address and not read_as:
        raise NoAddress
    return {**typed, ADDRESS: read_as or ""}


def known_address(link: Link) -> str:
    """Where the customer can be reached: a phone number, else the e-mail address; empty when nothing is known."""
    return customers.best_address(link.customer_id) if link.customer_id else ""


# ---- on the page -----------------------------------------------------------------------------------------------


def blocks(link: Link, asked: Sequence[Asked], form: Fields, language: str) -> dict[str, str]:
    """The questions before and after the "why" as HTML, and the keys of those that are shown now."""
    score = rules.score_or_none(form.score)
    shown = _filled(link, form, score).shown if score is not None else ()
    details = any(one.question.details for one in asked)
    words = {
        "filled": form.filled(),
        "hidden": {one.question.key for one in asked if one.question.when and one.question.key not in shown},
        "contact": masked(known_address(link)) if details else "",
    }
    with speaking(language):
        macro: Any = vars(current_app.jinja_env.get_template("surveys/further.html").module)["further"]
        found = {f"further_{'after' if late else 'before'}": macro(asked, late, **words) for late in (False, True)}
    return found | {"asked": " ".join(("score", *shown))}


def carried(form: Fields) -> str:
    """What was sent as hidden fields, for a page that needs no database."""
    hidden = Markup('<input type="hidden" name="{}" value="{}">')
    return Markup("").join(hidden.format(name, value) for name, value in form.more)


def stored(link: Link) -> tuple[tuple[str, str], ...]:
    """The stored answers as the page's fields; the known address is masked again, for letters are forwarded."""
    if not rendering.further_of(link.content):
        return ()
    more, known = queries.more_of(link.response_id), known_address(link)
    if known and more.get(ADDRESS) == known:
        more[ADDRESS] = masked(known)
    return tuple(
        (f"{MORE}{key}", str(one))
        for key, value in more.items()
        for one in (value if isinstance(value, list) else [value])
    )


# ---- for staff -------------------------------------------------------------------------------------------------


def said(answer: Response) -> list[tuple[str, str]]:
    """Question and answer in the reader's words, in the order of the version that was shown, contact last."""
    more = queries.as_more(answer.values)
    if not more:
        return []
    questionnaire, language = surveys.questionnaire_of(answer.version_id), language_now()
    order = [one.key for one in questionnaire.questions]
    keys = sorted(more, key=lambda key: order.index(key) if key in order else len(order))
    return [(title(questionnaire, key, language), spoken(questionnaire, key, more[key], language)) for key in keys]


def choices(survey_id: int | None) -> dict[str, dict[str, str]]:
    """What answers to a survey can be narrowed to: `q.KEY` → value → "question: answer"."""
    found: dict[str, dict[str, str]] = {}
    questionnaire, language = surveys.ever_asked(survey_id or 0), language_now()
    for one in questionnaire.questions:
        if one.kind in FURTHER:
            name = title(questionnaire, one.key, language)
            words = {
                value: f"{name}: {spoken_value(questionnaire, one.key, value, language)}" for value in one.values()
            }
            found[f"{MORE}{one.key}"] = {**words, ANY: _("%(question)s: answered", question=name)}
    return found


def spoken_value(questionnaire: Questionnaire, key: str, value: str, language: str) -> str:
    """One of the values of a question in words: the number of a rating, or the text of an option."""
    question = questionnaire.by_key(key)
    return spoken(questionnaire, key, int(value) if question and question.scale else [value], language)


def title(questionnaire: Questionnaire, key: str, language: str) -> str:
    """A question as staff read it: with its placeholders, for it is about all customers."""
    question = questionnaire.by_key(key)
    return text_in(question.texts.get("wording"), language) if question else _(PLACES.get(key, key))


def spoken(questionnaire: Questionnaire, key: str, value: Value, language: str) -> str:
    """An answer in words: options by their texts, a rating with the best there is."""
    question = questionnaire.by_key(key)
    if isinstance(value, int) and question and question.scale:
        return f"{value} / {question.scale.highest}"
    words = {one.key: text_in(one.texts, language) for one in question.options} if question else {}
    return "; ".join(words.get(one, one) for one in value) if isinstance(value, list) else str(value)
