"""Writing the words of steps: every save is kept, an old text comes back, two texts are compared by lot.

All that write need a transaction. A message given to the post office keeps the words it was composed with.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import Actor
from npsapp.db import change, db
from npsapp.delivery import rendering
from npsapp.delivery.rules import Channel
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_, text_in
from npsapp.organization.rules import company_phrase
from npsapp.surveys import letters, queries, rules, wording
from npsapp.surveys.letters import LETTER, PARTS, Variant
from npsapp.surveys.models import StepWords, Survey
from npsapp.surveys.placeholders import PLACEHOLDERS, Values
from npsapp.surveys.rules import Fault, Texts

CHAINS: list[Callable[[int], Iterable[tuple[int, Channel]]]] = []
"""What rooms downstream know of the steps of a survey (its id): number and channel of each."""
HALF = 50
LONGEST_VALUE = "Щ" * 120
MOST_BYTES = 60 * 1024
TOO_HEAVY = N_(
    "With the longest names this letter would weigh %(detail)s KB. It may weigh 60 KB: mail programs cut heavy ones."
)


class ChangedMeanwhile(Refused):
    """Somebody else saved these texts after the page was opened."""

    wording = N_("Somebody else has changed these texts meanwhile. Open the page again and repeat your changes.")


def steps(survey_id: int) -> list[tuple[int, Channel]]:
    """The messages of a survey's chain that are written here; the first letter always is."""
    chains = [step for chain in CHAINS for step in chain(survey_id) if step[1] in PARTS]
    return sorted({(queries.FIRST, Channel.EMAIL), *chains})


# ---- what is wrong ---------------------------------------------------------------------------------------------------


def faults_of(survey: Survey) -> list[Fault]:
    """What is wrong with the messages of a survey, also with texts B."""
    return [
        fault
        for step, channel in steps(survey.id)
        for said in [one.texts for one in queries.words(survey.id, step, channel).values()] or [{}]
        for fault in faults(survey, said, channel)
    ]


def faults(survey: Survey, texts: Mapping[str, Texts], channel: Channel) -> list[Fault]:
    """What is wrong with one message, its weight included: with the longest names, in each language of the brand."""
    found = letters.faults(texts, channel, survey.brand.languages)
    if found or channel is not Channel.EMAIL:
        return found
    weights = ((language, rendering.weight(sample(survey, texts, language))) for language in survey.brand.languages)
    own = texts.get("html", {})
    return [
        Fault(LETTER, "html" if own.get(language) else "body", language, TOO_HEAVY, str(weight // 1024 + 1))
        for language, weight in weights
        if weight > MOST_BYTES
    ]


def sample(
    survey: Survey, texts: Mapping[str, Texts], language: str, values: Values | None = None, *, site: str = ""
) -> rendering.Letter:
    """The letter of a survey about these facts, with links that lead nowhere; without facts about the longest ones."""
    site = site or "https://" + "x" * 50
    values = values or dict.fromkeys(PLACEHOLDERS, LONGEST_VALUE)
    content = rules.Questionnaire.from_json(survey.newest.content if survey.newest else {"questions": [], "texts": {}})
    page = rules.wording(content, language=language, values=values)
    return rendering.invitation(
        survey.brand,
        language=language,
        words=letters.said(texts, language=language, values=values),
        scale=rendering.Scale(page.question, page.low, page.high, f"{site}/r/preview"),
        unsubscribe_url=f"{site}/u/preview",
        privacy_url=f"{site}/privacy/{survey.brand.key}",
        logo=page.picture or survey.brand.logo,
        site=site,
    )


def sample_values(survey: Survey, language: str, *, day: str, bare: bool = False) -> dict[str, str]:
    """Made-up facts; `bare`: without what is not always known. `day` in words."""
    names = survey.brand.name
    always = {
        "brand": text_in(names, language),
        "company": company_phrase(language, names=names, phrases=survey.brand.phrase),
        "date": day,
    }
    return dict.fromkeys(PLACEHOLDERS, "") | always | ({} if bare else wording.sample(language))


# ---- writing ---------------------------------------------------------------------------------------------------------


def write(
    survey_id: int,
    texts: Mapping[str, Texts],
    *,
    step: int = queries.FIRST,
    channel: Channel = Channel.EMAIL,
    variant: Variant = Variant.A,
    share: int = 0,
    actor: Actor,
    now: datetime,
) -> StepWords:
    """Put these texts in the place of what the step says now."""
    which = {"survey_id": survey_id, "step": step, "channel": channel, "variant": variant}
    _end(now, **which)
    last = db.session.scalar(select(func.max(StepWords.number)).filter_by(**which))
    by = actor.id if actor.type == "user" else None
    kept = {part: dict(texts.get(part, {})) for part in PARTS[channel]}
    row = StepWords(**which, number=(last or 0) + 1, texts=kept, share=share, saved_at=now, saved_by_id=by)
    db.session.add(row)
    db.session.flush()
    return row


def _end(now: datetime, **which: Any) -> bool:
    current = update(StepWords).filter_by(**which).where(StepWords.replaced_at.is_(None))
    return bool(change(current.values(replaced_at=now)))


def edit(
    survey_id: int,
    texts: Mapping[str, Texts],
    *,
    step: int = queries.FIRST,
    channel: Channel = Channel.EMAIL,
    variant: Variant = Variant.A,
    share: int | None = None,
    based_on: str = "",
    actor: Actor,
    now: datetime,
) -> list[str]:
    """Change a step's texts: part → language → text. Gives the names of what changed, "part.language".

    :param share: text B: how many of 100 messages it gets; None: as before.
    :param based_on: the `stamp` of what the editor was looking at; empty: whatever stands there.
    :raise ChangedMeanwhile: when that is not there any more.
    """
    current = queries.words(survey_id, step, channel).get(variant)
    if based_on and based_on != stamp(current):
        raise ChangedMeanwhile
    old = current.texts if current else {}
    new = {part: old.get(part, {}) | texts.get(part, {}) for part in PARTS[channel]}
    before = current.share if current else 0
    share = before if share is None else share
    changed = _changed(old, new) + (["share"] if share != before else [])
    if changed:
        write(survey_id, new, step=step, channel=channel, variant=variant, share=share, actor=actor, now=now)
        _record(survey_id, [f"{LETTER}.{name}" for name in changed], actor, now)
    return changed


def stamp(words: StepWords | None) -> str:
    """What an editor was looking at."""
    return str(words.id) if words else "none"


def _changed(old: Mapping[str, Texts], new: Mapping[str, Texts]) -> list[str]:
    """A missing and an empty text are the same."""
    names = [(part, language) for part in new for language in sorted({*new[part], *old.get(part, {})})]
    return [f"{part}.{one}" for part, one in names if new[part].get(one, "") != old.get(part, {}).get(one, "")]


def _record(survey_id: int, fields: list[str], actor: Actor, now: datetime) -> None:
    subject = ("survey", survey_id)
    audit.record(Event.SETTING_CHANGED, actor=actor, now=now, subject=subject, data={"fields": fields})


def start_words(survey_id: int, step: int, channel: Channel, *, actor: Actor = audit.PROGRAM, now: datetime) -> None:
    """Give a step of the survey's chain the usual words of its kind, unless it has words."""
    if channel not in PARTS or queries.words(survey_id, step, channel):
        return
    usual = wording.default_short_message()
    if channel is Channel.EMAIL:
        usual = wording.default_reminder(queries.letter(survey_id))
    write(survey_id, usual, step=step, channel=channel, actor=actor, now=now)


def copy(survey_id: int, copy_id: int, *, actor: Actor, now: datetime) -> None:
    """Give another survey the words of all steps; a comparison is not copied."""
    here = StepWords.survey_id == survey_id, StepWords.replaced_at.is_(None), StepWords.variant == Variant.A
    for row in db.session.scalars(select(StepWords).where(*here).order_by(StepWords.id)).all():
        write(copy_id, row.texts, step=row.step, channel=row.channel, actor=actor, now=now)


def restore(words_id: int, *, actor: Actor, now: datetime) -> list[str]:
    """Let a step say again what it said once. Gives the names of what changed.

    An old text B whose comparison has ended becomes text A.
    """
    words = db.session.get_one(StepWords, words_id)
    where: dict[str, Any] = {"step": words.step, "channel": words.channel}
    compared = words.variant in queries.words(words.survey_id, **where)
    variant = words.variant if compared else Variant.A
    return edit(words.survey_id, words.texts, **where, variant=variant, actor=actor, now=now)


# ---- two texts -------------------------------------------------------------------------------------------------------


def compare(survey_id: int, step: int, channel: Channel, *, actor: Actor, now: datetime) -> None:
    """Begin to compare: text B starts as a copy of text A, and half of the messages get it."""
    current = queries.words(survey_id, step, channel)
    if Variant.A in current and Variant.B not in current:
        b: dict[str, Any] = {"step": step, "channel": channel, "variant": Variant.B, "share": HALF}
        write(survey_id, current[Variant.A].texts, **b, actor=actor, now=now)
        _record(survey_id, ["compared"], actor, now)


def keep_a(survey_id: int, step: int, channel: Channel, *, actor: Actor, now: datetime) -> None:
    """End the comparison: everybody gets text A from now on. Without a comparison nothing happens."""
    if _end(now, survey_id=survey_id, step=step, channel=channel, variant=Variant.B):
        _record(survey_id, ["compared"], actor, now)


def take_b(survey_id: int, step: int, channel: Channel, *, actor: Actor, now: datetime) -> None:
    """End the comparison: text B becomes the text that everybody gets."""
    if b := queries.words(survey_id, step, channel).get(Variant.B):
        edit(survey_id, b.texts, step=step, channel=channel, actor=actor, now=now)
    keep_a(survey_id, step, channel, actor=actor, now=now)
