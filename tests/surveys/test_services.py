"""Surveys are created complete, frozen once seen, and one at a time asks."""

from datetime import datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from npsapp.audit.models import AuditEntry
from npsapp.audit.services import PROGRAM, Actor, by_user
from npsapp.db import db, transaction
from npsapp.organization import services as organization
from npsapp.surveys import queries, services, texts
from npsapp.surveys.models import Survey, SurveyVersion, Touchpoint
from npsapp.surveys.rules import LANGUAGES, SurveyState

QUESTION = ("recommend", "wording")
NEW_WORDS = {"en": "Would you recommend {brand}?", "ru": "Порекомендуете {brand}?", "uk": "Порекомендуєте {brand}?"}


@pytest.fixture
def draft(company: SimpleNamespace, now: datetime) -> Survey:
    with transaction():
        return services.create_survey(
            brand_id=company.brand.id, touchpoint_id=company.touchpoint.id, name="Second", actor=PROGRAM, now=now
        )


def edit(survey_id: int, texts: dict, now: datetime, *, based_on: str = "", actor: Actor = PROGRAM) -> list[str]:
    newest = db.session.get_one(Survey, survey_id).newest
    with transaction():
        stamp = based_on or services.stamp(newest)
        return services.edit(survey_id, lambda before: before.with_texts(texts), based_on=stamp, actor=actor, now=now)


def versions(survey_id: int) -> list[int]:
    return [version.number for version in queries.versions(survey_id)]


def test_a_new_survey_is_a_complete_draft(draft: Survey) -> None:
    assert draft.state is SurveyState.DRAFT
    assert draft.version
    assert draft.version.number == 1
    assert services.count_faults(draft) == 0
    assert all(texts.keys() == set(LANGUAGES) for part, texts in queries.letter(draft.id).items() if part != "html")


def test_only_one_survey_asks_at_a_touchpoint(company: SimpleNamespace, draft: Survey, now: datetime) -> None:
    with pytest.raises(services.AnotherAsks), transaction():
        services.publish(draft.id, actor=PROGRAM, now=now)

    with transaction():
        services.pause(company.survey.id, actor=PROGRAM, now=now)
        services.publish(draft.id, actor=PROGRAM, now=now)
    assert queries.active_map() == {(company.brand.id, company.touchpoint.id): draft}


def test_publishing_twice_changes_nothing(company: SimpleNamespace, now: datetime) -> None:
    for _ in range(2):
        with transaction():
            services.publish(company.survey.id, actor=PROGRAM, now=now)

    rows = db.session.scalars(select(AuditEntry.event).where(AuditEntry.event == "survey.published")).all()
    assert len(rows) == 1


def test_a_survey_with_a_missing_text_is_not_published(company: SimpleNamespace, draft: Survey, now: datetime) -> None:
    edit(draft.id, {QUESTION: NEW_WORDS | {"uk": ""}}, now)

    with pytest.raises(services.Incomplete), transaction():
        services.publish(draft.id, actor=PROGRAM, now=now)


def test_nobody_has_seen_it_so_it_is_changed_in_place(draft: Survey, now: datetime) -> None:
    changed = edit(draft.id, {QUESTION: NEW_WORDS}, now)

    assert changed == ["recommend.wording.en", "recommend.wording.ru", "recommend.wording.uk"]
    assert versions(draft.id) == [1]


def test_a_change_of_what_asks_is_a_draft_until_it_is_published(company: SimpleNamespace, now: datetime) -> None:
    survey, first = company.survey, company.survey.version_id

    edit(survey.id, {QUESTION: NEW_WORDS}, now)

    db.session.expire_all()
    assert versions(survey.id) == [2, 1]
    assert (survey.version_id, survey.draft.number, survey.draft.frozen_at) == (first, 2, None)
    with transaction():
        services.publish(survey.id, actor=PROGRAM, now=now)
    seen, current = db.session.get_one(SurveyVersion, first), survey.version
    assert (current.number, current.frozen_at, survey.draft) == (2, now, None)
    question = queries.questionnaire(seen).questions[0]
    assert question.texts["wording"]["en"].startswith("How likely")
    assert queries.questionnaire(current).questions[0].texts["wording"] == NEW_WORDS


def test_a_discarded_draft_leaves_what_asks(company: SimpleNamespace, now: datetime) -> None:
    edit(company.survey.id, {QUESTION: NEW_WORDS}, now)

    with transaction():
        services.discard_draft(company.survey.id, actor=PROGRAM, now=now)
    edit(company.survey.id, {QUESTION: NEW_WORDS}, now)

    assert company.survey.version.number == 1
    assert company.survey.draft.number == 3


def test_saving_the_same_words_makes_no_version(company: SimpleNamespace, now: datetime) -> None:
    same = {(key, part): texts for key, part, texts in queries.questionnaire(company.survey.version).fields()}

    assert edit(company.survey.id, same, now) == []
    assert versions(company.survey.id) == [1]


def test_freezing_keeps_the_first_moment(draft: Survey, now: datetime) -> None:
    later = now.replace(hour=now.hour + 1)
    for moment in (now, later):
        with transaction():
            services.freeze(draft.version_id, now=moment)  # type: ignore[arg-type]

    db.session.expire_all()
    assert draft.version
    assert draft.version.frozen_at == now


def test_two_editors_do_not_overwrite_each_other(draft: Survey, now: datetime) -> None:
    first = services.stamp(draft.version)
    edit(draft.id, {QUESTION: NEW_WORDS}, now)

    with pytest.raises(texts.ChangedMeanwhile):
        edit(draft.id, {QUESTION: NEW_WORDS | {"en": "Would you?"}}, now, based_on=first)


def test_the_audit_knows_which_texts_changed_but_not_their_words(
    company: SimpleNamespace, draft: Survey, now: datetime
) -> None:
    edit(draft.id, {QUESTION: NEW_WORDS}, now, actor=by_user(company.admin.id))

    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry
    assert (entry.event, entry.subject_id, entry.actor_id) == ("setting.changed", draft.id, company.admin.id)
    assert entry.data == {"fields": [f"recommend.wording.{language}" for language in LANGUAGES]}


def test_a_touchpoint_is_found_by_any_spelling(company: SimpleNamespace, now: datetime) -> None:
    with transaction():
        delivery = organization.create(
            Touchpoint, pool_id=company.pool.id, key="delivery", name={"uk": "Доставка"}, aliases=["привезли"], now=now
        )

    found = queries.touchpoint_lookup(company.pool.id)

    assert found["purchase"] == found["купівля"] == found["покупка"] == company.touchpoint.id
    assert found["доставка"] == found["привезли"] == delivery.id


def test_two_touchpoints_cannot_have_one_name(company: SimpleNamespace, now: datetime) -> None:
    fields = {"pool_id": company.pool.id, "name": {"ru": "покупка"}}

    with pytest.raises(organization.KnownName), transaction():
        organization.enter(Touchpoint, fields, actor=PROGRAM, now=now)


def test_labels_are_names(company: SimpleNamespace, draft: Survey) -> None:
    assert queries.labels([draft.id, None]) == {draft.id: "Second"}
    assert queries.touchpoint_labels([company.touchpoint.id], "ru") == {company.touchpoint.id: "Покупка"}
