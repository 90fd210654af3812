"""The pages on which surveys and their letters are written, looked at, published and paused."""

from collections.abc import Sequence
from typing import Any

from flask import abort, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from npsapp.accounts import queries as accounts
from npsapp.audit import services as audit
from npsapp.audit.services import Actor
from npsapp.db import transaction
from npsapp.i18n import language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.surveys import previews as previews
from npsapp.surveys import queries, rules, services
from npsapp.surveys.blueprint import bp as bp
from npsapp.surveys.forms import (
    NEW_TOUCHPOINT,
    NewSurveyForm,
    RenameForm,
    TextsForm,
    field_name,
    letter_form,
    texts_form,
)
from npsapp.surveys.models import Survey, SurveyVersion
from npsapp.surveys.placeholders import PLACEHOLDERS
from npsapp.surveys.rules import LETTER, Questionnaire, Texts
from npsapp.web.access import requires
from npsapp.web.headers import CONTENT_POLICY

# A page that shows a preview in a frame; the preview itself is in surveys/previews.py.
FRAMING_POLICY = f"{CONTENT_POLICY}; frame-src 'self'"


@bp.get("/")
@requires(Permission.EDIT_SURVEYS)
def index() -> ResponseReturnValue:
    """All surveys, those that ask first."""
    return render_template(
        "surveys/index.html", surveys=queries.surveys(), can_add=bool(organization.brands())
    )


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT_SURVEYS)
def add() -> ResponseReturnValue:
    """A new survey with default texts, as a draft."""
    language = language_now()
    form = NewSurveyForm()
    form.offer(
        brands=[(str(brand.id), text_in(brand.name, language)) for brand in organization.brands()],
        touchpoints=[(str(one.id), text_in(one.name, language)) for one in queries.touchpoints()],
    )
    if not form.validate_on_submit():
        return render_template("surveys/new.html", form=form), 422 if form.is_submitted() else 200
    with transaction():
        survey_id = _create(form)
    flash(_("The survey is a draft with texts to start from. Look at them and publish it."), "ok")
    return redirect(url_for(".edit", survey_id=survey_id), code=303)


def _create(form: NewSurveyForm) -> int:
    now, brand_id = utcnow(), int(form.brand.data)
    if form.touchpoint.data == NEW_TOUCHPOINT:
        brand = organization.brand(brand_id) or abort(404)
        names = form.texts("touchpoint_name")
        touchpoint_id = services.create_touchpoint(pool_id=brand.pool_id, name=names, now=now).id
    else:
        touchpoint_id = int(form.touchpoint.data)
    survey = services.create_survey(
        brand_id=brand_id, touchpoint_id=touchpoint_id, name=form.name.data or "", actor=_me(), now=now
    )
    return survey.id


@bp.route("/<int:survey_id>/", methods=["GET", "POST"])
@requires(Permission.EDIT_SURVEYS)
def edit(survey_id: int) -> ResponseReturnValue:
    """The texts of the survey page in three languages."""
    survey, version = _survey(survey_id)
    questionnaire = queries.questionnaire(version)
    form = texts_form(questionnaire)(based_on=version.id)
    if not form.is_submitted():
        form.show({(key, part): texts for key, part, texts in questionnaire.fields()})
        return _texts_page(survey, version, form)
    edited = questionnaire.with_texts(form.texts())
    valid = form.validate_on_submit()
    form.put_faults(faults := rules.text_faults(edited))
    if not valid or faults:
        return _texts_page(survey, version, form, status=422)
    with transaction():
        changed = services.edit_texts(
            survey_id, form.texts(), based_on=_whole(form.based_on.data), actor=_me(), now=utcnow()
        )
    _say_saved(form, changed)
    return redirect(url_for(".edit", survey_id=survey_id), code=303)


def _texts_page(
    survey: Survey, version: SurveyVersion, form: TextsForm, *, status: int = 200
) -> ResponseReturnValue:
    return _framing("surveys/texts.html", survey, form, status=status, version=version)


@bp.route("/<int:survey_id>/letter", methods=["GET", "POST"])
@requires(Permission.EDIT_SURVEYS)
def letter(survey_id: int) -> ResponseReturnValue:
    """The texts of the first letter in three languages."""
    survey, _version = _survey(survey_id)
    form = letter_form()()
    if not form.is_submitted():
        form.show({(LETTER, part): texts for part, texts in queries.letter(survey_id).texts.items()})
        return _framing("surveys/letter.html", survey, form)
    texts = letter_texts(form)
    valid = form.validate_on_submit()
    form.put_faults(faults := rules.letter_faults(texts))
    if not valid or faults:
        return _framing("surveys/letter.html", survey, form, status=422)
    with transaction():
        changed = services.edit_letter(survey_id, texts, actor=_me(), now=utcnow())
    _say_saved(form, [name.replace("letter1.", "letter.") for name in changed])
    return redirect(url_for(".letter", survey_id=survey_id), code=303)


def letter_texts(form: TextsForm) -> dict[str, Texts]:
    """What was typed for a letter: part → language → text."""
    return {part: texts for (_key, part), texts in form.texts().items()}


def _framing(
    template: str, survey: Survey, form: TextsForm, *, status: int = 200, **values: Any
) -> ResponseReturnValue:
    page = render_template(
        template,
        survey=survey,
        form=form,
        placeholders=PLACEHOLDERS,
        faults=services.count_faults(survey),
        **values,
    )
    response = make_response(page, status)
    response.headers["Content-Security-Policy"] = FRAMING_POLICY
    return response


@bp.route("/<int:survey_id>/name", methods=["GET", "POST"])
@requires(Permission.EDIT_SURVEYS)
def rename(survey_id: int) -> ResponseReturnValue:
    """Another name for a survey; customers never see it."""
    survey, _version = _survey(survey_id)
    form = RenameForm(obj=survey)
    if not form.validate_on_submit():
        page = render_template("surveys/name.html", survey=survey, form=form)
        return page, 422 if form.is_submitted() else 200
    with transaction():
        services.rename(survey_id, form.name.data or "", actor=_me(), now=utcnow())
    flash(_("The survey has a new name."), "ok")
    return redirect(url_for(".index"), code=303)


@bp.post("/<int:survey_id>/publish")
@requires(Permission.EDIT_SURVEYS)
def publish(survey_id: int) -> ResponseReturnValue:
    """Let the survey ask."""
    _survey(survey_id)
    with transaction():
        services.publish(survey_id, actor=_me(), now=utcnow())
    flash(_("The survey asks from now on."), "ok")
    return redirect(url_for(".edit", survey_id=survey_id), code=303)


@bp.post("/<int:survey_id>/pause")
@requires(Permission.EDIT_SURVEYS)
def pause(survey_id: int) -> ResponseReturnValue:
    """Let the survey plan no more invitations."""
    _survey(survey_id)
    with transaction():
        services.pause(survey_id, actor=_me(), now=utcnow())
    flash(_("The survey is paused. Links already sent still work."), "ok")
    return redirect(url_for(".edit", survey_id=survey_id), code=303)


@bp.get("/<int:survey_id>/versions")
@requires(Permission.EDIT_SURVEYS)
def versions(survey_id: int) -> ResponseReturnValue:
    """What customers were shown, and since when."""
    survey, _version = _survey(survey_id)
    rows = queries.versions(survey_id)
    return render_template(
        "surveys/versions.html",
        survey=survey,
        versions=rows,
        authors=accounts.labels(row.created_by_id for row in rows if row.created_by_id is not None),
        changes=_changes(rows),
    )


def _changes(rows: Sequence[SurveyVersion]) -> dict[int, list[str]]:
    """Version id → the labels of the texts that differ from the version before it."""
    found: dict[int, list[str]] = {}
    for row, older in zip(rows, rows[1:], strict=False):
        before, after = (Questionnaire.from_json(one.content) for one in (older, row))
        labels = {(key, part): label for key, part, label in texts_form(after).parts}
        old = {(key, part): texts for key, part, texts in before.fields()}
        found[row.id] = [
            str(labels[key, part]) for key, part, texts in after.fields() if old.get((key, part)) != texts
        ]
    return found


def _survey(survey_id: int) -> tuple[Survey, SurveyVersion]:
    survey = queries.survey(survey_id)
    if survey is None or survey.version is None:
        abort(404)
    return survey, survey.version


def _me() -> Actor:
    return audit.by_user(current_user.id)


def _whole(value: str | None) -> int:
    return int(value) if value and value.isdecimal() else 0


def _say_saved(form: TextsForm, changed: list[str]) -> None:
    if not changed:
        flash(_("Nothing was changed."), "info")
        return
    labels = [form[field_name(*name.split("."))].label.text for name in changed]
    flash(_("Saved. Changed: %(fields)s", fields=", ".join(str(label) for label in labels)), "ok")
