"""Writing surveys: create, edit, publish, pause, and freezing what a customer was shown."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, insert, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import change, db
from npsapp.delivery.rules import Channel
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.surveys import queries, rules, wording
from npsapp.surveys.models import StepText, Survey, SurveyVersion, Touchpoint
from npsapp.surveys.rules import LANGUAGES, LETTER_PARTS, Field, Questionnaire, SurveyState, Texts


class AnotherAsks(Refused):
    """Only one survey may ask customers of a brand after a touchpoint."""

    wording = N_("The survey “%(name)s” already asks at this touchpoint. Pause it first.")


class Incomplete(Refused):
    """A survey with missing or faulty texts may not be shown to customers."""

    wording = N_("Some texts are missing or faulty: %(count)s. Correct them before publishing.")


class ChangedMeanwhile(Refused):
    """Somebody else saved these texts after this page was opened."""

    wording = N_("Somebody else has changed these texts meanwhile. Open the page again and repeat your changes.")


def create_survey(*, brand_id: int, touchpoint_id: int, name: str, actor: audit.Actor, now: datetime) -> Survey:
    """A draft with the default texts of its touchpoint, version 1, and the first letter in three languages."""
    touchpoint = db.session.get_one(Touchpoint, touchpoint_id)
    survey = Survey(brand_id=brand_id, touchpoint_id=touchpoint_id, name=name, created_at=now)
    db.session.add(survey)
    db.session.flush()
    _add_version(survey, wording.default_questionnaire(touchpoint.key), number=1, actor=actor, now=now)
    _write_letter(survey.id, wording.default_letter(touchpoint.key))
    _record(Event.SETTING_CHANGED, survey.id, ["created"], actor=actor, now=now)
    return survey


def _add_version(
    survey: Survey, questionnaire: Questionnaire, *, number: int, actor: audit.Actor, now: datetime
) -> None:
    survey.version = SurveyVersion(
        survey_id=survey.id,
        number=number,
        content=questionnaire.to_json(),
        created_at=now,
        created_by_id=actor.id if actor.type == "user" else None,
    )
    db.session.flush()


def _write_letter(survey_id: int, letter: Mapping[str, Texts]) -> None:
    whose = {"survey_id": survey_id, "step": queries.FIRST, "channel": Channel.EMAIL}
    rows = [
        whose | {"language": language} | {part: letter[part].get(language, "") for part in LETTER_PARTS}
        for language in LANGUAGES
    ]
    db.session.execute(delete(StepText).filter_by(**whose))
    db.session.execute(insert(StepText), rows)


def _record(event: Event, survey_id: int, fields: list[str], *, actor: audit.Actor, now: datetime) -> None:
    data = {"fields": fields} if fields else {}
    audit.record(event, actor=actor, now=now, subject=("survey", survey_id), data=data)


def edit_texts(
    survey_id: int, texts: Mapping[tuple[str, str], Texts], *, based_on: int, actor: audit.Actor, now: datetime
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
    changed = _changed(before.fields(), after.fields())
    if not changed:
        return []
    if version.frozen_at:
        _add_version(survey, after, number=version.number + 1, actor=actor, now=now)
    else:
        version.content = after.to_json()
        db.session.flush()
    _record(Event.SETTING_CHANGED, survey_id, changed, actor=actor, now=now)
    return changed


def _changed(before: Iterable[Field], after: Iterable[Field]) -> list[str]:
    """Names of the texts that differ, "key.part.language"; a missing and an empty one are the same."""
    old = {(key, part): texts for key, part, texts in before}
    return [
        f"{key}.{part}.{language}"
        for key, part, texts in after
        for language in LANGUAGES
        if texts.get(language, "") != old[key, part].get(language, "")
    ]


def edit_letter(survey_id: int, letter: Mapping[str, Texts], *, actor: audit.Actor, now: datetime) -> list[str]:
    """Change the texts of the first letter: part → language → text. Gives the names of what changed.

    Letters already handed to the post office keep their words.
    """
    before = rules.letter_fields(queries.letter(survey_id))
    changed = _changed(before, rules.letter_fields(letter))
    if changed:
        _write_letter(survey_id, letter)
        _record(Event.SETTING_CHANGED, survey_id, changed, actor=actor, now=now)
    return changed


def publish(survey_id: int, *, actor: audit.Actor, now: datetime) -> None:
    """Let a survey ask. Publishing one that asks already changes nothing.

    :raise Incomplete: when texts are missing or faulty.
    :raise AnotherAsks: when another survey of the brand asks at this touchpoint.
    """
    survey = db.session.get_one(Survey, survey_id)
    if survey.state is SurveyState.ACTIVE:
        return
    if faults := count_faults(survey):
        raise Incomplete(count=faults)
    other = queries.active_map().get((survey.brand_id, survey.touchpoint_id))
    if other:
        raise AnotherAsks(name=other.name)
    survey.state = SurveyState.ACTIVE
    survey.published_at = now
    db.session.flush()
    _record(Event.SURVEY_PUBLISHED, survey_id, [], actor=actor, now=now)


def count_faults(survey: Survey) -> int:
    """How many texts of the questionnaire and of the first letter stand in the way of publishing."""
    if survey.version is None:
        return 1
    page = Questionnaire.from_json(survey.version.content).fields()
    return len(rules.faults([*page, *rules.letter_fields(queries.letter(survey.id))]))


def pause(survey_id: int, *, actor: audit.Actor, now: datetime) -> None:
    """Let a survey plan no more invitations; links that customers have go on working."""
    asking = Survey.id == survey_id, Survey.state == SurveyState.ACTIVE
    if change(update(Survey).where(*asking).values(state=SurveyState.PAUSED)):
        _record(Event.SURVEY_PAUSED, survey_id, [], actor=actor, now=now)


def freeze(version_id: int, *, now: datetime) -> None:
    """Remember that a customer gets this version: from now on it stays as it is. Safe to repeat."""
    unseen = SurveyVersion.id == version_id, SurveyVersion.frozen_at.is_(None)
    change(update(SurveyVersion).where(*unseen).values(frozen_at=now))
