"""Pages for people who want to stop our letters, and the page that says what becomes of their answers."""

from flask import Response, current_app, make_response, render_template, request, url_for
from flask_babel import format_date

from npsapp.customers import links, queries, retention, services
from npsapp.customers.models import ContactPoint, Hold
from npsapp.customers.rules import Choice, Kept, masked
from npsapp.db import transaction
from npsapp.extensions import csrf
from npsapp.i18n import LANGUAGES, first_spoken, language_name, negotiate, speaking
from npsapp.lib.clock import local_date, utcnow
from npsapp.lib.texts import text_in
from npsapp.organization import queries as organization
from npsapp.organization.models import Brand
from npsapp.web.access import Room, public

bp = Room("unsubscribe", __name__, template_folder="templates")
# A mail program that unsubscribes for its user brings no cookie and no form token (RFC 8058, section 3.2).
csrf.exempt(bp)

ONE_CLICK = "List-Unsubscribe"
UNDO = "undo"


Visitor = tuple[ContactPoint, Brand]
"""Whose link was opened: an address, and the brand that wrote to it."""


@bp.page("/u/<token>", public)
def show(token: str) -> Response:
    """The choices; opening the link changes nothing, so a scanner of links may do it too."""
    visitor = _visitor(token)
    return _page(visitor, token) if visitor else _broken(token)


@bp.deed("/u/<token>", public)
def choose(token: str) -> Response:
    """One click from a mail program, a choice on the page, or taking it back. Always 200, never a redirect."""
    visitor = _visitor(token)
    if visitor is None:
        return _broken(token)
    whose, now = {"contact_point_id": visitor[0].id, "brand_id": visitor[1].id}, utcnow()
    one_click = request.form.get(ONE_CLICK) == "One-Click"
    choice = Choice.NO_LETTERS if one_click else _choice()
    if request.form.get("choice") == UNDO:
        with transaction():
            services.resubscribe(**whose, now=now)
        return _page(visitor, token, undone=True)
    if choice is None:
        return _page(visitor, token)
    with transaction():
        services.unsubscribe(**whose, choice=choice, at_least=one_click, now=now)
    return _page(visitor, token)


def _choice() -> Choice | None:
    """What was chosen; form-urlencoded and multipart are read alike."""
    chosen = request.form.get("choice", "")
    return Choice(chosen) if chosen in list(Choice) else None


def _visitor(token: str) -> Visitor | None:
    ids = links.read_token(current_app.config["SECRET_KEYS"], token)
    if ids is None or ids[0] == links.TEST:
        return None
    point, brand = queries.contact_point(ids[0]), organization.brand(ids[1])
    return (point, brand) if point and brand else None


def _page(visitor: Visitor, token: str, *, undone: bool = False) -> Response:
    point, brand = visitor
    customer = point.customer
    language = _language(brand, queries.language_of(customer, brand))
    stop = queries.own_stop(customer.id, utcnow())
    return _said(
        "customers/unsubscribe.html",
        language,
        brand=brand,
        brand_name=text_in(brand.name, language),
        address=masked(point.value),
        chosen=_chosen(stop),
        until=_until(stop, queries.timezone_of(customer, brand), language),
        undone=undone,
        here=url_for("unsubscribe.show", token=token),
        privacy=url_for("unsubscribe.privacy", brand_key=brand.key, lang=language),
    )


def _chosen(stop: Hold | None) -> Choice | None:
    code = stop.source.partition(":")[2] if stop else ""
    return Choice(code) if code in list(Choice) else (Choice.NO_LETTERS if stop else None)


def _until(stop: Hold | None, zone: str, language: str) -> str:
    if stop is None or stop.until is None:
        return ""
    with speaking(language):
        return str(format_date(local_date(stop.until, zone), "d MMMM y"))


@bp.page("/privacy/<brand_key>", public)
def privacy(brand_key: str) -> Response:
    """Who asks, why, what is kept, who reads it, and how to have it erased."""
    brand = organization.brand_by_key(brand_key)
    if brand is None:
        return _broken()
    language = _language(brand)
    return _said(
        "customers/privacy.html",
        language,
        brand_name=text_in(brand.name, language),
        brand=brand,
        postal_address=text_in(brand.postal_address, language),
        own_words=text_in(brand.privacy, language),
        kept=retention.periods(),
        Kept=Kept,
        here=url_for("unsubscribe.privacy", brand_key=brand_key),
    )


def _broken(token: str = "") -> Response:
    """The same page for every link that leads nowhere, so that it tells nothing about anybody; a test says so."""
    if (links.read_token(current_app.config["SECRET_KEYS"], token) or (None,))[0] == links.TEST:
        return _said("customers/test.html", negotiate(), here=request.path)
    return _said("customers/broken.html", negotiate(), status=404, here=request.path)


def _language(brand: Brand, own: str = "") -> str:
    """Of the brand's languages: the switch on the page, else the customer's own, else what the browser asks for."""
    wishes = (request.args.get("lang"), own, request.accept_languages.best_match(brand.languages))
    return first_spoken(wishes, brand.languages, brand.language)


def _said(template: str, language: str, *, brand: Brand | None = None, status: int = 200, **values: object) -> Response:
    spoken = {code: language_name(code) for code in (brand.languages if brand else LANGUAGES)}
    with speaking(language):
        page = render_template(template, brand=brand, language=language, languages=spoken, choices=Choice, **values)
    response = make_response(page, status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
