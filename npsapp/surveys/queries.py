"""Which survey asks at a touchpoint, in which version and in which words."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from npsapp.db import db
from npsapp.delivery.rules import Channel
from npsapp.lib.texts import text_in
from npsapp.organization.rules import lookup
from npsapp.surveys.letters import PARTS, Variant
from npsapp.surveys.models import StepWords, Survey, SurveyVersion, Touchpoint
from npsapp.surveys.rules import Question, Questionnaire, SurveyState, Texts

FIRST = 1  # the number of the step whose letter this is


def touchpoints(pool_id: int | None = None) -> Sequence[Touchpoint]:
    """Touchpoints in use, oldest first; of one pool or of all."""
    query = select(Touchpoint).where(Touchpoint.retired_at.is_(None)).order_by(Touchpoint.id)
    return db.session.scalars(query if pool_id is None else query.where(Touchpoint.pool_id == pool_id)).all()


def touchpoint_lookup(pool_id: int) -> dict[str, int]:
    """Folded key, name or alias → id of the touchpoint; a key outweighs a name, a name an alias."""
    return lookup((row.id, ([row.key], row.name.values(), row.aliases)) for row in touchpoints(pool_id))


def survey(survey_id: int) -> Survey | None:
    """One survey with its brand, touchpoint and current version."""
    return db.session.scalars(_whole().where(Survey.id == survey_id)).first()


def surveys(*, archived: bool = False) -> Sequence[Survey]:
    """The surveys in use, or those in the archive: those that ask first, then by age."""
    shown = Survey.state == SurveyState.ARCHIVED if archived else Survey.state != SurveyState.ARCHIVED
    return db.session.scalars(_whole().where(shown).order_by(Survey.state != SurveyState.ACTIVE, Survey.id)).all()


def active_map() -> dict[tuple[int, int], Survey]:
    """All surveys that ask, by (brand id, touchpoint id)."""
    found = db.session.scalars(_whole().where(Survey.state == SurveyState.ACTIVE))
    return {(one.brand_id, one.touchpoint_id): one for one in found}


def _whole() -> Select[Survey]:
    parts = (Survey.brand, Survey.touchpoint, Survey.version, Survey.draft)
    return select(Survey).options(*(joinedload(part) for part in parts))


def version(version_id: int) -> SurveyVersion | None:
    """One version, frozen or not."""
    return db.session.get(SurveyVersion, version_id)


def versions(survey_id: int) -> Sequence[SurveyVersion]:
    """All versions of a survey, newest first."""
    return db.session.scalars(
        select(SurveyVersion).where(SurveyVersion.survey_id == survey_id).order_by(SurveyVersion.number.desc())
    ).all()


def questionnaire(survey_version: SurveyVersion) -> Questionnaire:
    """The content of a version as an object."""
    return Questionnaire.from_json(survey_version.content)


def questionnaire_of(version_id: int) -> Questionnaire:
    """What customers with this version were asked."""
    return questionnaire(db.session.get_one(SurveyVersion, version_id))


def used_keys(survey_id: int) -> set[str]:
    """Keys that questions and options of any version have had: answers may hang on them."""
    questions = [one for version in versions(survey_id) for one in questionnaire(version).questions]
    return {key for one in questions for key in (one.key, *(option.key for option in one.options))}


def ever_asked(survey_id: int) -> Questionnaire:
    """All questions and options that customers have seen, worded as last; what is not asked any more stands last."""
    survey, found = db.session.get(Survey, survey_id), dict[str, Question]()
    seen = [one for one in versions(survey_id) if one.frozen_at or (survey and one.id == survey.version_id)]
    for one in (question for version in seen for question in questionnaire(version).questions):
        newer = found.setdefault(one.key, one)
        keys = {option.key for option in newer.options}
        gone = (option for option in one.options if option.key not in keys)
        found[one.key] = replace(newer, options=(*newer.options, *gone))
    return Questionnaire(tuple(found.values()))


def words(survey_id: int, step: int = FIRST, channel: Channel = Channel.EMAIL) -> dict[Variant, StepWords]:
    """What a step's message says now: text A, and text B while two are compared; nothing: nobody wrote any."""
    here = StepWords.survey_id == survey_id, StepWords.step == step, StepWords.channel == channel
    rows = db.session.scalars(select(StepWords).where(*here, StepWords.replaced_at.is_(None)))
    return {row.variant: row for row in rows}


def letter(survey_id: int, step: int = FIRST, channel: Channel = Channel.EMAIL) -> dict[str, Texts]:
    """Text A of a step's message: part → language → text."""
    found = words(survey_id, step, channel).get(Variant.A)
    return {part: dict(found.texts.get(part, {})) if found else {} for part in PARTS[channel]}


def words_history(survey_id: int, step: int, channel: Channel) -> Sequence[StepWords]:
    """All texts a step's message has had, newest first."""
    here = StepWords.survey_id == survey_id, StepWords.step == step, StepWords.channel == channel
    return db.session.scalars(select(StepWords).where(*here).order_by(StepWords.id.desc())).all()


def words_rows(ids: Iterable[int]) -> dict[int, StepWords]:
    """Texts of steps, current or not, by id."""
    return {row.id: row for row in db.session.scalars(select(StepWords).where(StepWords.id.in_({*ids})))}


def labels(ids: Iterable[int | None]) -> dict[int, str]:
    """Names of surveys: id → name as its editors call it."""
    rows = db.session.execute(select(Survey.id, Survey.name).where(Survey.id.in_({*ids})))
    return {row.id: row.name for row in rows}


def touchpoint_labels(ids: Iterable[int | None], language: str) -> dict[int, str]:
    """Names of touchpoints: id → name in that language."""
    rows = db.session.execute(select(Touchpoint.id, Touchpoint.name).where(Touchpoint.id.in_({*ids})))
    return {row.id: text_in(row.name, language) for row in rows}
