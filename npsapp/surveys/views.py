"""The pages on which surveys and their letters are written, looked at, published and paused."""

from datetime import timedelta
from typing import Any

from flask import Response, abort, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from npsapp.accounts import queries as accounts
from npsapp.audit.doors import me
from npsapp.db import transaction
from npsapp.delivery import rendering
from npsapp.i18n import LANGUAGES, language_now, speaking
from npsapp.lib.clock import local_date, utcnow
from npsapp.lib.texts import text_in
from npsapp.organization import queries as organization, services as organization_services
from npsapp.organization.rules import company_phrase
from npsapp.permissions import Permission
from npsapp.surveys import queries, rules, services, wording
from npsapp.surveys.forms import NEW_TOUCHPOINT, NewSurveyForm, TextsForm, letter_form, page_form
from npsapp.surveys.models import Survey, SurveyVersion, Touchpoint
from npsapp.surveys.placeholders import PLACEHOLDERS, spoken_day
from npsapp.surveys.rules import Questionnaire, Texts
from npsapp.web.access import Room
from npsapp.web.headers import FRAMING_POLICY, SHOWN_IN_A_FRAME
from npsapp.web.pages import done, form_page, saved, with_policy

bp = Room("surveys", __name__, url_prefix="/surveys", template_folder="templates")

# Letters carry their styles in the tags, as mail programs want them.
LETTER_IN_A_FRAME = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
SAMPLE_AGE = timedelta(days=14)


@bp.page("/", Permission.EDIT_SURVEYS)
def index() -> ResponseReturnValue:
    """All surveys, those that ask first."""
    return render_template("surveys/index.html", surveys=queries.surveys(), can_add=bool(organization.brands()))


@bp.form("/new", Permission.EDIT_SURVEYS)
def add() -> ResponseReturnValue:
    """A new survey with default texts, as a draft."""
    language = language_now()
    form = NewSurveyForm()
    form.offer(
        brands=[(str(brand.id), text_in(brand.name, language)) for brand in organization.brands()],
        touchpoints=[(str(one.id), text_in(one.name, language)) for one in queries.touchpoints()],
    )
    if not form.validate_on_submit():
        return form_page("surveys/new.html", form)
    with transaction():
        survey_id = _create(form).id
    draft = _("The survey is a draft with texts to start from. Look at them and publish it.")
    return done(draft, ".edit", survey_id=survey_id)


def _create(form: NewSurveyForm) -> Survey:
    who: dict[str, Any] = {"actor": me(), "now": utcnow()}
    brand_id, touchpoint_id = form.brand.data, form.touchpoint.data
    if touchpoint_id == NEW_TOUCHPOINT:
        brand = organization.brand(brand_id) or abort(404)
        columns = {"pool_id": brand.pool_id, "name": form.texts("touchpoint_name")}
        touchpoint_id = organization_services.enter(Touchpoint, columns, **who).id
    return services.create_survey(brand_id=brand_id, touchpoint_id=int(touchpoint_id), name=form.name.data, **who)


@bp.form("/<int:survey_id>/", Permission.EDIT_SURVEYS)
def edit(survey_id: int) -> ResponseReturnValue:
    """The texts of the survey page in three languages."""
    survey, version = _survey(survey_id)
    questionnaire = queries.questionnaire(version)
    form = page_form(questionnaire)(based_on=version.id)
    if not form.is_submitted():
        form.show(questionnaire.fields())
    elif form.has_no_fault():
        seen = form.based_on.data or ""
        based_on = int(seen) if seen.isdecimal() else 0
        with transaction():
            changed = services.edit_texts(survey_id, form.texts(), based_on=based_on, actor=me(), now=utcnow())
        return saved(changed, ".edit", survey_id=survey_id)
    return _texts_page("surveys/texts.html", survey, form, version=version)


@bp.form("/<int:survey_id>/letter", Permission.EDIT_SURVEYS)
def letter(survey_id: int) -> ResponseReturnValue:
    """The texts of the first letter in three languages."""
    survey, _version = _survey(survey_id)
    form = letter_form()()
    if not form.is_submitted():
        form.show(rules.letter_fields(queries.letter(survey_id)))
    elif form.has_no_fault():
        with transaction():
            changed = services.edit_letter(survey_id, _typed_letter(form), actor=me(), now=utcnow())
        return saved(changed, ".letter", survey_id=survey_id)
    return _texts_page("surveys/letter.html", survey, form)


def _typed_letter(form: TextsForm) -> dict[str, Texts]:
    return {part: texts for (_key, part), texts in form.texts().items()}


def _texts_page(template: str, survey: Survey, form: TextsForm, **values: Any) -> ResponseReturnValue:
    more = {"survey": survey, "placeholders": PLACEHOLDERS, "faults": services.count_faults(survey)}
    return form_page(template, form, policy=FRAMING_POLICY, **more, **values)


@bp.deed("/<int:survey_id>/publish", Permission.EDIT_SURVEYS)
def publish(survey_id: int) -> ResponseReturnValue:
    """Let the survey ask."""
    _survey(survey_id)
    with transaction():
        services.publish(survey_id, actor=me(), now=utcnow())
    return done(_("The survey asks from now on."), ".edit", survey_id=survey_id)


@bp.deed("/<int:survey_id>/pause", Permission.EDIT_SURVEYS)
def pause(survey_id: int) -> ResponseReturnValue:
    """Let the survey plan no more invitations."""
    _survey(survey_id)
    with transaction():
        services.pause(survey_id, actor=me(), now=utcnow())
    return done(_("The survey is paused. Links already sent still work."), ".edit", survey_id=survey_id)


@bp.page("/<int:survey_id>/versions", Permission.EDIT_SURVEYS)
def versions(survey_id: int) -> ResponseReturnValue:
    """What customers were shown, and since when."""
    survey, _version = _survey(survey_id)
    rows = queries.versions(survey_id)
    authors = accounts.labels(row.created_by_id for row in rows if row.created_by_id is not None)
    return render_template("surveys/versions.html", survey=survey, versions=rows, authors=authors)


# ---- what a customer would see, from saved texts or from a form not saved yet ----


@bp.form("/<int:survey_id>/preview", Permission.EDIT_SURVEYS)
def preview(survey_id: int) -> ResponseReturnValue:
    """The survey page with made-up facts; POST shows what stands in the form and saves nothing."""
    survey, version = _survey(survey_id)
    questionnaire = queries.questionnaire(version)
    if request.method == "POST":
        questionnaire = questionnaire.with_texts(page_form(questionnaire)().texts())
    return _preview_page(survey, questionnaire)


@bp.page("/<int:survey_id>/versions/<int:version_id>", Permission.EDIT_SURVEYS)
def version(survey_id: int, version_id: int) -> ResponseReturnValue:
    """The survey page as customers with an older version see it."""
    survey, _current = _survey(survey_id)
    shown = queries.version(version_id)
    if shown is None or shown.survey_id != survey_id:
        abort(404)
    return _preview_page(survey, queries.questionnaire(shown))


def _preview_page(survey: Survey, questionnaire: Questionnaire) -> Response:
    language = _preview_language()
    said = rules.wording(questionnaire, language=language, values=_sample(survey, language))
    with speaking(language):
        page = render_template(
            "surveys/preview.html",
            wording=said,
            language=language,
            languages=LANGUAGES,
            brand_name=text_in(survey.brand.name, language),
            bare=_bare(),
            posted=request.method == "POST",
        )
    return with_policy(page, SHOWN_IN_A_FRAME)


@bp.form("/<int:survey_id>/letter/preview", Permission.EDIT_SURVEYS)
def letter_preview(survey_id: int) -> ResponseReturnValue:
    """The letter with made-up facts; POST shows what stands in the form and saves nothing."""
    survey, version = _survey(survey_id)
    language = _preview_language()
    texts = _typed_letter(letter_form()()) if request.method == "POST" else queries.letter(survey_id)
    facts = _sample(survey, language)
    said = rules.wording(queries.questionnaire(version), language=language, values=facts)
    site = survey.brand.site(current_app.config["PUBLIC_URL"])
    made = rendering.invitation(
        survey.brand,
        language=language,
        **rules.letter_words(texts, language=language, values=facts),
        scale=rendering.Scale(question=said.question, low=said.low, high=said.high, link=f"{site}/r/preview"),
        unsubscribe_url=f"{site}/u/preview",
        privacy_url=f"{site}/privacy/{survey.brand.key}",
        logo_url=url_for("brand.logo", name=survey.brand.logo) if survey.brand.logo else "",
    )
    if request.values.get("as") != "text":
        return with_policy(made.html, LETTER_IN_A_FRAME)
    with speaking(language):
        page = render_template("surveys/preview_text.html", letter=made, language=language)
    return with_policy(page, SHOWN_IN_A_FRAME)


def _sample(survey: Survey, language: str) -> dict[str, str]:
    brand, today = survey.brand, local_date(utcnow(), survey.brand.timezone)
    always = {
        "brand": text_in(brand.name, language),
        "company": company_phrase(language, names=brand.name, phrases=brand.phrase),
        "date": spoken_day(today - SAMPLE_AGE, language, today=today),
    }
    return dict.fromkeys(PLACEHOLDERS, "") | always | ({} if _bare() else wording.SAMPLES[language])


def _preview_language() -> str:
    asked = request.values.get("show", "")
    return asked if asked in LANGUAGES else language_now()


def _bare() -> bool:
    """Whether to leave out what is not always known: name, title, number, place."""
    return request.values.get("bare") == "1"


def _survey(survey_id: int) -> tuple[Survey, SurveyVersion]:
    survey = queries.survey(survey_id)
    if survey is None or survey.version is None:
        abort(404)
    return survey, survey.version
