"""The pages on which surveys and their letters are written, looked at, published and paused."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Response, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from npsapp.accounts import queries as accounts
from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.i18n import DEFAULT_LANGUAGE, language_name, language_now, speaking
from npsapp.lib.clock import local_date, utcnow
from npsapp.lib.texts import N_, text_in
from npsapp.organization import logos, queries as organization, services as organization_services
from npsapp.organization.forms import NAME_MAX
from npsapp.permissions import Permission
from npsapp.surveys import editing, fixed, queries, rules, services, texts, wording
from npsapp.surveys.forms import NEW_TOUCHPOINT, CopyForm, NewSurveyForm, PageForm, TextsForm, fixed_form, page_form
from npsapp.surveys.models import Survey, SurveyVersion, Touchpoint
from npsapp.surveys.placeholders import EMPTY, PLACEHOLDERS, spoken_day
from npsapp.surveys.rules import Questionnaire
from npsapp.web import listing
from npsapp.web.access import Room
from npsapp.web.headers import FRAMING_POLICY, SHOWN_IN_A_FRAME
from npsapp.web.pages import done, form_page, saved, with_policy

EDIT = Permission.EDIT_SURVEYS

bp = Room("surveys", __name__, url_prefix="/surveys", template_folder="templates")

SAMPLE_AGE = timedelta(days=14)


@bp.page("/", Permission.EDIT_SURVEYS)
def index() -> ResponseReturnValue:
    """All surveys, those that ask first; or the archive."""
    archived = request.args.get("show") == "archived"
    found, brands = queries.surveys(archived=archived), organization.brands()
    return render_template("surveys/index.html", surveys=found, archived=archived, can_add=bool(brands))


@bp.form("/new", Permission.EDIT_SURVEYS)
def add() -> ResponseReturnValue:
    """A new survey with default texts, as a draft."""
    return _new_page(NewSurveyForm(), None)


@bp.form("/<int:survey_id>/copy", Permission.EDIT_SURVEYS)
def copy(survey_id: int) -> ResponseReturnValue:
    """A draft with the questions, the words and the rule of another survey."""
    survey, _version = found(survey_id)
    about = {"brand": str(survey.brand_id), "touchpoint": str(survey.touchpoint_id)}
    return _new_page(CopyForm(name=_("Copy of %(name)s", name=survey.name)[:NAME_MAX], **about), survey)


def _new_page(form: NewSurveyForm, original: Survey | None) -> ResponseReturnValue:
    language = language_now()
    form.offer(
        brands=[(str(brand.id), text_in(brand.name, language)) for brand in organization.brands()],
        touchpoints=[(str(one.id), text_in(one.name, language)) for one in queries.touchpoints()],
    )
    if not form.validate_on_submit():
        return form_page("surveys/new.html", form, original=original)
    with transaction():
        survey_id = _create(form, original).id
    draft = _("The survey is a draft with texts to start from. Look at them and publish it.")
    return done(draft, ".edit", survey_id=survey_id)


def _create(form: NewSurveyForm, original: Survey | None) -> Survey:
    who: dict[str, Any] = {"actor": me(), "now": utcnow()}
    brand_id, touchpoint_id = form.brand.data, form.touchpoint.data
    if touchpoint_id == NEW_TOUCHPOINT:
        brand = organization.brand(brand_id) or abort(404)
        columns = {"pool_id": brand.pool_id, "name": form.texts("touchpoint_name")}
        touchpoint_id = organization_services.enter(Touchpoint, columns, **who).id
    about = {"brand_id": int(brand_id), "touchpoint_id": int(touchpoint_id), "name": form.name.data, **who}
    if original is not None:
        return services.copy(original.id, **about)
    return services.create_survey(**about, start=form.start.data)


@bp.form("/<int:survey_id>/", Permission.EDIT_SURVEYS)
def edit(survey_id: int) -> ResponseReturnValue:
    """The questions and texts of the survey page. Its buttons keep what was typed, finished or not."""
    survey, version = found(survey_id)
    questionnaire = queries.questionnaire(version)
    form = _page_form(survey, questionnaire)(based_on=services.stamp(version))
    deed = request.form.get("do", "")
    if not form.is_submitted():
        form.show_page(questionnaire)
    elif deed:
        if form.validate_on_submit():
            return _step(survey, form, deed)
    elif form.names_no_fault(editing.all_faults(form.typed(questionnaire), survey.brand.languages)):
        return saved(
            _save(survey_id, form, editing.step("keep", (), wording.new_question)), ".edit", survey_id=survey_id
        )
    return texts_page("surveys/texts.html", survey, form, version=version, questionnaire=questionnaire)


def _page_form(survey: Survey, questionnaire: Questionnaire) -> type[PageForm]:
    return page_form(questionnaire, survey.brand.languages, language_now())


def _step(survey: Survey, form: PageForm, deed: str) -> ResponseReturnValue:
    if deed == "add":
        deed = f"add:{request.form.get('kind', '')}"
        if deed[4:] not in wording.ADDABLE:
            raise editing.NoSuchStep
    changed = _save(survey.id, form, editing.step(deed, queries.used_keys(survey.id), wording.new_question))
    if deed == "keep":
        return saved(changed, ".edit", survey_id=survey.id)
    key = deed.split(":")[1]
    anchor = "add" if deed.startswith(("add", "remove")) else f"q-{key}"
    return redirect(url_for(".edit", survey_id=survey.id, _anchor=anchor), code=303)


def _save(survey_id: int, form: PageForm, step: editing.Step) -> list[str]:
    with transaction():
        typed: dict[str, Any] = {"based_on": form.based_on.data or "", "actor": me(), "now": utcnow()}
        return services.edit(survey_id, lambda before: step(form.typed(before)), **typed)


@bp.deed("/<int:survey_id>/picture", Permission.EDIT_SURVEYS)
def picture(survey_id: int) -> ResponseReturnValue:
    """Give the survey a picture of its own; without a file the brand's logo stands there again."""
    _current, version = found(survey_id)
    given, folder = request.files.get("picture"), Path(current_app.instance_path) / logos.FOLDER
    name = logos.keep(logos.recoded(given.stream), folder) if given else ""
    about: dict[str, Any] = {"based_on": services.stamp(version), "actor": me(), "now": utcnow()}
    with transaction():
        changed = services.edit(survey_id, lambda before: replace(before, picture=name), **about)
    return saved(changed, ".edit", survey_id=survey_id)


def texts_page(template: str, survey: Survey, form: TextsForm, **values: Any) -> ResponseReturnValue:
    """A page with texts, and with what stands in the way of publishing."""
    found = services.faults_of(survey)
    more = {
        "survey": survey,
        "placeholders": PLACEHOLDERS,
        "faults": len(found),
        "missing": Counter(language_name(one.language) for one in found if one.wording == EMPTY),
        "fixed": fixed.missing(survey.brand.languages),
        "spoken": languages(survey),
        "addable": wording.ADDABLE,
    }
    return form_page(template, form, policy=FRAMING_POLICY, **more, **values)


def languages(survey: Survey) -> dict[str, str]:
    """The brand's languages with their names."""
    return {code: language_name(code) for code in survey.brand.languages}


DEEDS: dict[str, tuple[Callable[..., None], str]] = {
    "publish": (services.publish, N_("The survey asks from now on, with the questions that stand here.")),
    "pause": (services.pause, N_("The survey is paused. Links already sent still work.")),
    "resume": (services.resume, N_("The survey asks again.")),
    "discard": (services.discard_draft, N_("The draft is discarded. Here is what customers are asked.")),
    "archive": (services.archive, N_("The survey is in the archive. Its answers stay where they are.")),
    "take-back": (services.take_back, N_("The survey is back from the archive.")),
}


@bp.deed("/<int:survey_id>/<any('publish', 'pause', 'resume', 'discard', 'archive', 'take-back'):deed>", EDIT)
def change(survey_id: int, deed: str) -> ResponseReturnValue:
    """Publish, pause, resume, discard the draft, put into the archive, take back."""
    found(survey_id)
    act, words = DEEDS[deed]
    with transaction():
        act(survey_id, actor=me(), now=utcnow())
    return done(_(words), ".edit", survey_id=survey_id)


@bp.form("/words", EDIT)
def words() -> ResponseReturnValue:
    """What pages and letters say to every customer, in the languages that only customers speak."""
    further = organization.further_languages()
    language = listing.picked("language", further, next(iter(further), ""))
    form, known = fixed_form(language)(), fixed.typed(language)
    if language and form.validate_on_submit():
        with transaction():
            changed = fixed.save(language, form.texts(), actor=me(), now=utcnow())
        return saved(changed, ".words", language=language)
    for key, name in form.names.items() if not form.is_submitted() else ():
        form[name].data = known.get(key, "")
    return form_page(
        "surveys/words.html",
        form,
        shown=language,
        further=further,
        asked=fixed.asked(language),
        missing=fixed.missing(further).get(language, 0),
        beside=language_now() if language_now() != DEFAULT_LANGUAGE else "uk",
    )


@bp.page("/<int:survey_id>/versions", Permission.EDIT_SURVEYS)
def versions(survey_id: int) -> ResponseReturnValue:
    """What customers were shown, and since when."""
    survey, _version = found(survey_id)
    rows = queries.versions(survey_id)
    authors = accounts.labels(row.created_by_id for row in rows if row.created_by_id is not None)
    return render_template("surveys/versions.html", survey=survey, versions=rows, authors=authors)


# ---- what a customer would see, from saved texts or from a form not saved yet ----


@bp.form("/<int:survey_id>/preview", Permission.EDIT_SURVEYS)
def preview(survey_id: int) -> ResponseReturnValue:
    """The survey page with made-up facts; POST shows what stands in the form and saves nothing."""
    survey, version = found(survey_id)
    questionnaire = queries.questionnaire(version)
    if request.method == "POST":
        questionnaire = _page_form(survey, questionnaire)().typed(questionnaire)
    return _preview_page(survey, questionnaire)


@bp.page("/<int:survey_id>/versions/<int:version_id>", Permission.EDIT_SURVEYS)
def version(survey_id: int, version_id: int) -> ResponseReturnValue:
    """The survey page as customers with an older version see it."""
    survey, _current = found(survey_id)
    shown = queries.version(version_id)
    if shown is None or shown.survey_id != survey_id:
        abort(404)
    return _preview_page(survey, queries.questionnaire(shown))


def _preview_page(survey: Survey, questionnaire: Questionnaire) -> Response:
    language = preview_language(survey)
    said = rules.wording(questionnaire, language=language, values=sample(survey, language))
    with speaking(language):
        page = render_template(
            "surveys/preview.html",
            wording=said,
            language=language,
            languages=languages(survey),
            brand_name=text_in(survey.brand.name, language),
            accent=(said.accent or survey.brand.accent).lstrip("#"),
            logo=said.picture or survey.brand.logo,
            bare=_bare(),
            posted=request.method == "POST",
        )
    return with_policy(page, SHOWN_IN_A_FRAME)


def sample(survey: Survey, language: str) -> dict[str, str]:
    """What placeholders stand for in a preview."""
    today = local_date(utcnow(), survey.brand.timezone)
    day = spoken_day(today - SAMPLE_AGE, language, today=today)
    return texts.sample_values(survey, language, day=day, bare=_bare())


def preview_language(survey: Survey) -> str:
    """The language asked for, else the reader's."""
    asked = request.values.get("show", "")
    return asked if asked in survey.brand.languages else language_now()


def _bare() -> bool:
    """Whether to leave out what is not always known: name, title, number, place."""
    return request.values.get("bare") == "1"


def found(survey_id: int) -> tuple[Survey, SurveyVersion]:
    """A survey with what its editor shows; else the page is not there."""
    survey = queries.survey(survey_id)
    if survey is None or survey.newest is None:
        abort(404)
    return survey, survey.newest
