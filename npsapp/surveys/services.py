"""Writing surveys: create, edit, publish, pause, and freezing what a customer was shown."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.audit.services import PROGRAM as PROGRAM
from npsapp.audit.services import Actor
from npsapp.db import db
from npsapp.delivery.rules import Channel
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.organization.rules import fold, make_key
from npsapp.surveys import queries, rules, wording
from npsapp.surveys.models import StepText, Survey, SurveyVersion, Touchpoint
from npsapp.surveys.rules import LETTER_PARTS, Questionnaire, SurveyState, Texts


class AnotherAsks(Refused):
    """Only one survey may ask customers of a brand after a touchpoint."""

    code = "another_asks"
    wording = N_("The survey “%(name)s” already asks at this touchpoint. Pause it first.")


class Incomplete(Refused):
    """A survey with missing or faulty texts may not be shown to customers."""

    code = "incomplete"
    wording = N_("Some texts are missing or faulty: %(count)s. Correct them before publishing.")


class KeyTaken(Refused):
    """Two touchpoints of one company cannot have the same key."""

    code = "key_taken"
    wording = N_("The key “%(key)s” is taken. Choose another one.")


class ChangedMeanwhile(Refused):
    """Somebody else saved these texts after this page was opened."""

    code = "changed_meanwhile"
    wording = N_(
        "Somebody else has changed these texts meanwhile. Open the page again and repeat your changes."
    )


def create_touchpoint(
    *, pool_id: int, name: Texts, now: datetime, key: str = "", aliases: Iterable[str] = ()
) -> Touchpoint:
    """A new kind of contact after which people may be asked. The key is proposed from the name when empty."""
    key = key or make_key(next(iter(name.values()), ""))
    taken = select(Touchpoint.id).where(Touchpoint.pool_id == pool_id, Touchpoint.key == key)
    if db.session.scalars(taken).first():
        raise KeyTaken(key=key)
    touchpoint = Touchpoint(
        pool_id=pool_id, key=key, name=name, aliases=[fold(alias) for alias in aliases], created_at=now
    )
    db.session.add(touchpoint)
    db.session.flush()
    return touchpoint


def create_survey(*, brand_id: int, touchpoint_id: int, name: str, actor: Actor, now: datetime) -> Survey:
    """A draft with the default texts of its touchpoint, version 1, and the first letter in three languages."""
    touchpoint = db.session.get_one(Touchpoint, touchpoint_id)
    survey = Survey(brand_id=brand_id, touchpoint_id=touchpoint_id, name=name, created_at=now)
    db.session.add(survey)
    db.session.flush()
    questionnaire = wording.default_questionnaire(touchpoint.key)
    survey.version = _add_version(survey, questionnaire, number=1, actor=actor, now=now)
    _write_letter(survey.id, 1, Channel.EMAIL, wording.default_letter(touchpoint.key))
    db.session.flush()
    audit.record(
        Event.SETTING_CHANGED,
        actor=actor,
        now=now,
        subject=("survey", survey.id),
        data={"fields": ["created"]},
    )
    return survey


def _add_version(
    survey: Survey, questionnaire: Questionnaire, *, number: int, actor: Actor, now: datetime
) -> SurveyVersion:
    version = SurveyVersion(
        survey_id=survey.id,
        number=number,
        content=questionnaire.to_json(),
        created_at=now,
        created_by_id=actor.id if actor.type == "user" else None,
    )
    db.session.add(version)
    db.session.flush()
    return version


def edit_texts(
    survey_id: int, texts: Mapping[tuple[str, str], Texts], *, based_on: int, actor: Actor, now: datetime
) -> list[str]:
    """Change texts of the questionnaire, by (question key or "survey", part). Gives the names of what changed.

    A version that customers have seen stays as it is: the change makes a new one, shown from the next letter on.

    :param based_on: id of the version the editor was looking at.
    :raise ChangedMeanwhile: when that one is no longer the current version.
    """
    survey = db.session.get_one(Survey, survey_id)
    version = survey.version
    if version is None or version.id != based_on:
        raise ChangedMeanwhile()
    before = Questionnaire.from_json(version.content)
    after = before.with_texts(texts)
    changed = rules.changed_fields(_flat(before), _flat(after))
    if not changed:
        return []
    if version.frozen_at:
        survey.version = _add_version(survey, after, number=version.number + 1, actor=actor, now=now)
    else:
        version.content = after.to_json()
    db.session.flush()
    _record_change(survey_id, changed, actor=actor, now=now)
    return changed


def _flat(questionnaire: Questionnaire) -> dict[str, str]:
    """All texts by "key.part.language"; a missing and an empty one are the same."""
    return {
        f"{key}.{part}.{language}": texts.get(language, "")
        for key, part, texts in questionnaire.fields()
        for language in rules.LANGUAGES
    }


def edit_letter(
    survey_id: int,
    texts: Mapping[str, Texts],
    *,
    actor: Actor,
    now: datetime,
    step: int = 1,
    channel: Channel = Channel.EMAIL,
) -> list[str]:
    """Change the texts of one step's letter: part → language → text. Gives the names of what changed.

    Letters already handed to the post office keep their words.
    """
    before = queries.letter(survey_id, step=step, channel=channel).texts
    changed = [
        f"letter{step}.{part}.{language}"
        for part in LETTER_PARTS
        for language in rules.LANGUAGES
        if texts.get(part, {}).get(language, "") != before[part].get(language, "")
    ]
    if changed:
        _write_letter(survey_id, step, channel, texts)
        _record_change(survey_id, changed, actor=actor, now=now)
    return changed


def _write_letter(survey_id: int, step: int, channel: Channel, texts: Mapping[str, Texts]) -> None:
    rows = {
        row.language: row
        for row in db.session.scalars(
            select(StepText).where(
                StepText.survey_id == survey_id, StepText.step == step, StepText.channel == channel
            )
        )
    }
    for language in rules.LANGUAGES:
        row = rows.get(language)
        if row is None:
            row = StepText(survey_id=survey_id, step=step, channel=channel, language=language)
            db.session.add(row)
        for part in LETTER_PARTS:
            setattr(row, part, texts.get(part, {}).get(language, ""))
    db.session.flush()


def _record_change(survey_id: int, changed: list[str], *, actor: Actor, now: datetime) -> None:
    audit.record(
        Event.SETTING_CHANGED, actor=actor, now=now, subject=("survey", survey_id), data={"fields": changed}
    )


def rename(survey_id: int, name: str, *, actor: Actor, now: datetime) -> bool:
    """Give a survey another name for its editors; False when it has that name already."""
    survey = db.session.get_one(Survey, survey_id)
    if survey.name == name:
        return False
    survey.name = name
    db.session.flush()
    _record_change(survey_id, ["name"], actor=actor, now=now)
    return True


def publish(survey_id: int, *, actor: Actor, now: datetime) -> None:
    """Let a survey ask. Publishing one that asks already changes nothing.

    :raise Incomplete: when texts are missing or faulty.
    :raise AnotherAsks: when another survey of the brand asks at this touchpoint.
    """
    survey = db.session.get_one(Survey, survey_id)
    if survey.state is SurveyState.ACTIVE:
        return
    if faults := count_faults(survey):
        raise Incomplete(count=faults)
    other = queries.active(survey.brand_id, survey.touchpoint_id)
    if other:
        raise AnotherAsks(name=other.name)
    survey.state = SurveyState.ACTIVE
    survey.published_at = now
    db.session.flush()
    audit.record(Event.SURVEY_PUBLISHED, actor=actor, now=now, subject=("survey", survey_id))


def count_faults(survey: Survey) -> int:
    """How many texts of the questionnaire and of the first letter stand in the way of publishing."""
    if survey.version is None:
        return 1
    questionnaire = Questionnaire.from_json(survey.version.content)
    letter = queries.letter(survey.id)
    return (
        len(rules.shape_faults(questionnaire))
        + len(rules.text_faults(questionnaire))
        + len(rules.letter_faults(letter.texts))
    )


def pause(survey_id: int, *, actor: Actor, now: datetime) -> None:
    """Let a survey plan no more invitations; links that customers have go on working."""
    paused = db.session.scalars(
        update(Survey)
        .where(Survey.id == survey_id, Survey.state == SurveyState.ACTIVE)
        .values(state=SurveyState.PAUSED)
        .returning(Survey.id)
    ).all()
    if paused:
        audit.record(Event.SURVEY_PAUSED, actor=actor, now=now, subject=("survey", survey_id))


def freeze(version_id: int, *, now: datetime) -> None:
    """Remember that a customer gets this version: from now on it stays as it is. Safe to repeat."""
    db.session.execute(
        update(SurveyVersion)
        .where(SurveyVersion.id == version_id, SurveyVersion.frozen_at.is_(None))
        .values(frozen_at=now)
    )
