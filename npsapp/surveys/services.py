"""Writing surveys: create, copy, edit, publish, pause, archive; a published version stays as it is."""

import json
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, select, update

from npsapp.audit import services as audit
from npsapp.audit.events import Event
from npsapp.db import change, db
from npsapp.lib import tokens
from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.surveys import editing, fixed, queries, rules, texts, wording
from npsapp.surveys.models import Survey, SurveyVersion, Touchpoint
from npsapp.surveys.rules import Questionnaire, SurveyState

BEFORE_ASKING: list[Callable[[int], object]] = []
"""What rooms downstream look at before a survey (its id) asks; they raise a Refused of their own."""
AFTER_COPYING: list[Callable[[int, int, datetime], object]] = []
"""What rooms downstream take along from a survey (its id) to its copy, now."""


class AnotherAsks(Refused):
    """Only one survey may ask customers of a brand after a touchpoint."""

    wording = N_("The survey “%(name)s” already asks at this touchpoint. Pause it first.")


class Incomplete(Refused):
    """A survey with missing or faulty texts may not be shown to customers."""

    wording = N_("Some texts are missing or faulty: %(count)s. Correct them before publishing.")


class StillAsks(Refused):
    """A survey that asks customers is in use."""

    wording = N_("This survey still asks customers. Pause it first.")


def create_survey(
    *, brand_id: int, touchpoint_id: int, name: str, start: str = wording.WHY, actor: audit.Actor, now: datetime
) -> Survey:
    """A draft with the default texts of its touchpoint, version 1, and the first letter.

    :param start: a key of `wording.STARTS`.
    """
    key = db.session.get_one(Touchpoint, touchpoint_id).key
    content = wording.default_questionnaire(key, start)
    made = _create(brand_id, touchpoint_id, name, content, actor=actor, now=now)
    texts.write(made.id, wording.default_letter(key), actor=actor, now=now)
    return made


def copy(survey_id: int, *, brand_id: int, touchpoint_id: int, name: str, actor: audit.Actor, now: datetime) -> Survey:
    """A draft with the questions, the words and the rule of another survey."""
    survey = db.session.get_one(Survey, survey_id)
    content = Questionnaire.from_json(survey.newest.content if survey.newest else {"questions": [], "texts": {}})
    made = _create(brand_id, touchpoint_id, name, content, actor=actor, now=now)
    texts.copy(survey_id, made.id, actor=actor, now=now)
    for take_along in AFTER_COPYING:
        take_along(survey_id, made.id, now)
    return made


def _create(
    brand_id: int, touchpoint_id: int, name: str, content: Questionnaire, *, actor: audit.Actor, now: datetime
) -> Survey:
    survey = Survey(brand_id=brand_id, touchpoint_id=touchpoint_id, name=name, created_at=now)
    db.session.add(survey)
    db.session.flush()
    survey.version = _new_version(survey, content, actor=actor, now=now)
    db.session.flush()
    _record(Event.SETTING_CHANGED, survey.id, ["created"], actor=actor, now=now)
    return survey


def _new_version(survey: Survey, content: Questionnaire, *, actor: audit.Actor, now: datetime) -> SurveyVersion:
    last = db.session.scalar(select(func.max(SurveyVersion.number)).where(SurveyVersion.survey_id == survey.id))
    return SurveyVersion(
        survey_id=survey.id,
        number=(last or 0) + 1,
        content=content.to_json(),
        created_at=now,
        created_by_id=actor.id if actor.type == "user" else None,
    )


def _record(event: Event, survey_id: int, fields: list[str], *, actor: audit.Actor, now: datetime) -> None:
    data = {"fields": fields} if fields else {}
    audit.record(event, actor=actor, now=now, subject=("survey", survey_id), data=data)


def stamp(version: SurveyVersion) -> str:
    """What an editor was looking at: changes with every change of the version's content."""
    return f"{version.id}-{tokens.digest(json.dumps(version.content, sort_keys=True))[:12]}"


def edit(
    survey_id: int, step: Callable[[Questionnaire], Questionnaire], *, based_on: str, actor: audit.Actor, now: datetime
) -> list[str]:
    """Change the questionnaire by a step. Gives the names of what changed.

    A survey that has asked keeps the version it asks with: the change is written into a draft, until that is published.

    :param based_on: the `stamp` of what the editor was looking at.
    :raise texts.ChangedMeanwhile: when that is not there any more.
    """
    survey = db.session.get_one(Survey, survey_id)
    version = survey.newest
    if version is None or stamp(version) != based_on:
        raise texts.ChangedMeanwhile()
    before = Questionnaire.from_json(version.content)
    after = step(before)
    changed = editing.changed(before, after)
    if not changed:
        return []
    if survey.draft or (survey.state is SurveyState.DRAFT and not version.frozen_at):
        version.content = after.to_json()
    else:
        survey.draft = _new_version(survey, after, actor=actor, now=now)
    db.session.flush()
    _record(Event.SETTING_CHANGED, survey_id, changed, actor=actor, now=now)
    return changed


def discard_draft(survey_id: int, *, actor: audit.Actor, now: datetime) -> None:
    """Go back to what asks; the draft stays in the list of versions, for links of tests lead to it."""
    survey = db.session.get_one(Survey, survey_id)
    if survey.draft is not None:
        survey.draft = None
        db.session.flush()
        _record(Event.SETTING_CHANGED, survey_id, ["draft"], actor=actor, now=now)


def publish(survey_id: int, *, actor: audit.Actor, now: datetime) -> None:
    """Let a survey ask with its newest version, which stays as it is from now on. Without a draft nothing changes.

    :raise Incomplete: when texts are missing or faulty.
    :raise AnotherAsks: when another survey of the brand asks at this touchpoint.
    """
    survey = db.session.get_one(Survey, survey_id)
    if survey.state is SurveyState.ACTIVE and survey.draft is None:
        return
    if faults := count_faults(survey):
        raise Incomplete(count=faults)
    survey.version, survey.draft = survey.newest, None
    survey.published_at = now
    db.session.flush()
    freeze(survey.version_id or 0, now=now)
    _ask(survey)
    _record(Event.SURVEY_PUBLISHED, survey_id, [], actor=actor, now=now)


def resume(survey_id: int, *, actor: audit.Actor, now: datetime) -> None:
    """Let a paused survey ask again with the version it asked with. May raise AnotherAsks."""
    survey = db.session.get_one(Survey, survey_id)
    if survey.state is SurveyState.PAUSED:
        _ask(survey)
        _record(Event.SURVEY_PUBLISHED, survey_id, [], actor=actor, now=now)


def _ask(survey: Survey) -> None:
    other = queries.active_map().get((survey.brand_id, survey.touchpoint_id))
    if other and other.id != survey.id:
        raise AnotherAsks(name=other.name)
    for check in BEFORE_ASKING:
        check(survey.id)
    survey.state = SurveyState.ACTIVE
    db.session.flush()


def faults_of(survey: Survey) -> list[rules.Fault]:
    """What stands in the way of publishing: faults of the newest version, of the messages of every step, and fixed
    words that are missing.
    """
    if survey.newest is None:
        return [rules.Fault("", "", "", editing.RECOMMENDATIONS)]
    page = editing.all_faults(Questionnaire.from_json(survey.newest.content), survey.brand.languages)
    return [*page, *texts.faults_of(survey), *fixed.faults(survey.brand.languages)]


def count_faults(survey: Survey) -> int:
    """How many faults stand in the way of publishing."""
    return len(faults_of(survey))


def pause(survey_id: int, *, actor: audit.Actor, now: datetime) -> None:
    """Let a survey plan no more invitations; links that customers have go on working."""
    _set_aside(survey_id, SurveyState.ACTIVE, SurveyState.PAUSED, actor=actor, now=now)


def archive(survey_id: int, *, actor: audit.Actor, now: datetime) -> None:
    """Take a survey that does not ask out of the list. :raise StillAsks:"""
    if db.session.get_one(Survey, survey_id).state is SurveyState.ACTIVE:
        raise StillAsks
    for state in (SurveyState.DRAFT, SurveyState.PAUSED):
        _set_aside(survey_id, state, SurveyState.ARCHIVED, actor=actor, now=now)


def take_back(survey_id: int, *, actor: audit.Actor, now: datetime) -> None:
    """Bring a survey back from the archive: it is paused, or a draft if it has never asked."""
    back = SurveyState.PAUSED if db.session.get_one(Survey, survey_id).published_at else SurveyState.DRAFT
    _set_aside(survey_id, SurveyState.ARCHIVED, back, actor=actor, now=now)


def _set_aside(survey_id: int, old: SurveyState, new: SurveyState, *, actor: audit.Actor, now: datetime) -> None:
    if change(update(Survey).where(Survey.id == survey_id, Survey.state == old).values(state=new)):
        db.session.expire(db.session.get_one(Survey, survey_id))
        paused = Event.SURVEY_PAUSED if new is SurveyState.PAUSED and old is SurveyState.ACTIVE else None
        _record(paused or Event.SETTING_CHANGED, survey_id, [] if paused else [new.value], actor=actor, now=now)


def freeze(version_id: int, *, now: datetime) -> None:
    """Remember that a customer gets this version: from now on it stays as it is. Safe to repeat."""
    unseen = SurveyVersion.id == version_id, SurveyVersion.frozen_at.is_(None)
    change(update(SurveyVersion).where(*unseen).values(frozen_at=now))
