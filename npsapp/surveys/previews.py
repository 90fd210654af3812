"""What a customer would see: the survey page and the letter, from saved texts or from a form not saved yet."""

from datetime import timedelta

from flask import Response, abort, current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue

from npsapp.delivery import rendering
from npsapp.i18n import LANGUAGES, language_now, speaking
from npsapp.lib.clock import local_date, utcnow
from npsapp.lib.texts import text_in
from npsapp.organization.rules import company_phrase
from npsapp.permissions import Permission
from npsapp.surveys import queries, rules, wording
from npsapp.surveys.blueprint import bp
from npsapp.surveys.forms import letter_form, texts_form
from npsapp.surveys.models import Survey, SurveyVersion
from npsapp.surveys.placeholders import spoken_day, values
from npsapp.surveys.rules import Questionnaire
from npsapp.web.access import requires

SHOWN_IN_A_FRAME = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
# Letters carry their styles in the tags, as mail programs want them.
LETTER_IN_A_FRAME = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
SAMPLE_AGE = timedelta(days=14)


@bp.route("/<int:survey_id>/preview", methods=["GET", "POST"])
@requires(Permission.EDIT_SURVEYS)
def preview(survey_id: int) -> ResponseReturnValue:
    """The survey page with made-up facts; POST shows what stands in the form and saves nothing."""
    survey, version = _found(survey_id)
    questionnaire = queries.questionnaire(version)
    if request.method == "POST":
        questionnaire = questionnaire.with_texts(texts_form(questionnaire)().texts())
    return _page(survey, questionnaire)


@bp.get("/<int:survey_id>/versions/<int:version_id>")
@requires(Permission.EDIT_SURVEYS)
def version(survey_id: int, version_id: int) -> ResponseReturnValue:
    """The survey page as customers with an older version see it."""
    survey, _current = _found(survey_id)
    shown = queries.version(version_id)
    if shown is None or shown.survey_id != survey_id:
        abort(404)
    return _page(survey, queries.questionnaire(shown))


def _page(survey: Survey, questionnaire: Questionnaire) -> Response:
    language = _language()
    said = rules.wording(questionnaire, language=language, values=_sample(survey, language))
    with speaking(language):
        html = render_template(
            "surveys/preview.html",
            wording=said,
            language=language,
            languages=LANGUAGES,
            brand_name=text_in(survey.brand.name, language),
            bare=_bare(),
            posted=request.method == "POST",
        )
    return _framed(html, SHOWN_IN_A_FRAME)


@bp.route("/<int:survey_id>/letter/preview", methods=["GET", "POST"])
@requires(Permission.EDIT_SURVEYS)
def letter_preview(survey_id: int) -> ResponseReturnValue:
    """The letter with made-up facts; POST shows what stands in the form and saves nothing."""
    survey, version = _found(survey_id)
    language = _language()
    texts = queries.letter(survey_id).texts
    if request.method == "POST":
        texts = {part: by_language for (_key, part), by_language in letter_form()().texts().items()}
    facts = _sample(survey, language)
    words = rules.letter_words(
        {part: text_in(by_language, language) for part, by_language in texts.items()}, values=facts
    )
    said = rules.wording(queries.questionnaire(version), language=language, values=facts)
    site = current_app.config["PUBLIC_URL"]
    made = rendering.invitation(
        survey.brand,
        language=language,
        subject=words.subject,
        before=words.before,
        after=words.after,
        scale=rendering.Scale(question=said.question, low=said.low, high=said.high, link=f"{site}/r/preview"),
        unsubscribe_url=f"{site}/u/preview",
        privacy_url=f"{site}/privacy/{survey.brand.key}",
    )
    if request.values.get("as") == "text":
        with speaking(language):
            text = render_template("surveys/preview_text.html", letter=made, language=language)
        return _framed(text, SHOWN_IN_A_FRAME)
    return _framed(made.html, LETTER_IN_A_FRAME)


def _sample(survey: Survey, language: str) -> dict[str, str]:
    brand, today = survey.brand, local_date(utcnow(), survey.brand.timezone)
    always = {
        "brand": text_in(brand.name, language),
        "company": company_phrase(language, names=brand.name, phrases=brand.phrase),
        "date": spoken_day(today - SAMPLE_AGE, language, today=today),
    }
    return values(**always, **({} if _bare() else wording.SAMPLES[language]))


def _language() -> str:
    asked = request.values.get("show", "")
    return asked if asked in LANGUAGES else language_now()


def _bare() -> bool:
    """Whether to leave out what is not always known: name, title, number, place."""
    return request.values.get("bare") == "1"


def _framed(html: str, policy: str) -> Response:
    response = make_response(html)
    response.headers["Content-Security-Policy"] = policy
    return response


def _found(survey_id: int) -> tuple[Survey, SurveyVersion]:
    survey = queries.survey(survey_id)
    if survey is None or survey.version is None:
        abort(404)
    return survey, survey.version
