"""Customers narrowed down, selections of them saved under a name, and the tags they carry."""

from collections.abc import Callable, Iterator, Sequence
from datetime import time
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from npsapp.audit import services as audit
from npsapp.audit.doors import me
from npsapp.audit.events import Event
from npsapp.customers import care, rules, tags
from npsapp.customers.models import Customer
from npsapp.customers.rules import ContactKind
from npsapp.db import db, transaction
from npsapp.i18n import language_now
from npsapp.intake import selections
from npsapp.intake.selections import Rule, Selection
from npsapp.lib.amounts import amount
from npsapp.lib.clock import at_local, local_date, utcnow
from npsapp.office import queries
from npsapp.office.blueprint import bp
from npsapp.organization import queries as organization
from npsapp.permissions import Permission
from npsapp.surveys import queries as surveys
from npsapp.web import listing
from npsapp.web.access import can, scope
from npsapp.web.filters import money, number
from npsapp.web.pages import csv_file, done

PAGE_SIZE = 50
NAME_MAX = 80
MONTHS_SHOWN = 6
WHOLE = ("region_id", "unit_id", "segment_id", "touchpoint_id", "days", "purchases_from", "top")
AMOUNTS = ("amount_from", "turnover_from")
NAMES = {"region_id": "region", "unit_id": "unit", "segment_id": "segment"}


def asked(given: MultiDict[str, str]) -> Rule:
    """The rule in an address or form; wrong values count as not given."""
    found: dict[str, Any] = {}
    for name in WHOLE:
        text = given.get(name, "")
        found[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
    for name in AMOUNTS:
        typed = amount(given.get(name, ""))
        found[name] = str(typed) if typed else None
    found |= {"tag": given.get("tag", "").strip().lower()[: tags.LONGEST], "key_only": bool(given.get("key_only"))}
    return Rule(**found, currency=given.get("currency", "") or _currencies()[0])


def _currencies() -> list[str]:
    return list(dict.fromkeys(brand.currency for brand in organization.brands())) or ["UAH"]


def in_words(rule: Rule, names: dict[str, dict[int, str]]) -> Iterator[tuple[str, str]]:
    """Argument in the address, and what it asks."""
    for name in (*NAMES, "touchpoint_id"):
        if id_ := getattr(rule, name):
            yield name, names[name].get(id_, f"#{id_}")
    said: dict[str, Callable[[Any], str]] = {
        "days": lambda n: _("bought in the last %(count)s days", count=number(n)),
        "purchases_from": lambda n: _("at least %(count)s purchases", count=number(n)),
        "amount_from": lambda n: _("purchases from %(amount)s", amount=money(float(n), rule.currency)),
        "turnover_from": lambda n: _("altogether from %(amount)s", amount=money(float(n), rule.currency)),
        "top": lambda n: _("the %(count)s with the highest turnover", count=number(n)),
        "tag": lambda tag: _("tag: %(tag)s", tag=tag),
        "key_only": lambda _yes: _("key customers"),
    }
    for name, words in said.items():
        if value := getattr(rule, name):
            yield name, words(value)


def _names() -> dict[str, dict[int, str]]:
    language, seen = language_now(), scope()
    found = {name: dict(organization.choices(kind, language, scope=seen)) for name, kind in NAMES.items()}
    places = (one for pool in organization.pools() for one in surveys.touchpoints(pool.id))
    return found | {"touchpoint_id": surveys.touchpoint_labels([one.id for one in places], language)}


@bp.page("/customers/people", Permission.SEE_CUSTOMERS)
def people() -> ResponseReturnValue:
    """Customers narrowed by what they bought, how they are called and what they carry; a selection opens filled in."""
    chosen = db.session.get(Selection, listing.whole("selection") or 0)
    if chosen and len(request.args) == 1:
        return redirect(url_for(".people", selection=chosen.id, **chosen.rule))
    rule, names, now = asked(request.args), _names(), utcnow()
    inside = queries.selected(rule, scope(), now=now)
    after = listing.whole("after")
    rows = queries.first_of(inside, limit=PAGE_SIZE + 1, after=after)
    total = db.session.scalar(select(func.count()).select_from(inside.subquery()))
    return render_template(
        "office/people.html",
        page=listing.page_by_key(rows, size=PAGE_SIZE, key=lambda row: (row.id,), total=total),
        rule=rule,
        chosen=chosen,
        names=names,
        tags=[(name, name) for name in tags.names(scope())],
        changed=chosen if chosen and _may_change(chosen) else None,
        currencies=[(code, code) for code in _currencies()],
        active=listing.active_filters(in_words(rule, names)),
    )


@bp.page("/customers/people.csv", Permission.EXPORT)
def people_csv() -> ResponseReturnValue:
    """The same customers as a table; that somebody took it is audited."""
    if not can(Permission.SEE_CUSTOMERS):
        abort(403)
    now = utcnow()
    with transaction():
        audit.record(Event.CUSTOMERS_EXPORTED, actor=me(), now=now)
    regions = dict(organization.choices("region", language_now()))
    heading = (_("Customer"), _("E-mail"), _("Phone"), _("Region"), _("Key customer"))
    found = queries.every(queries.selected(asked(request.args), scope(), now=now))
    return csv_file(f"customers-{now:%Y-%m-%d}", heading, (_line(one, regions) for one in found))


def _line(one: Customer, regions: dict[int, str]) -> Sequence[object]:
    def said(kind: ContactKind) -> str:
        return ", ".join(point.value for point in one.contact_points if point.kind is kind)

    where = regions.get(one.region_id or 0, "")
    return one.name, said(ContactKind.EMAIL), said(ContactKind.PHONE), where, _("yes") if one.is_key else ""


@bp.page("/customers/selections/", Permission.SEE_CUSTOMERS)
def selection_list() -> ResponseReturnValue:
    """Every selection with what it asks."""
    names = _names()
    found = selections.saved()
    rows = [(one, [words for _name, words in in_words(one.asks, names)], _may_change(one)) for one in found]
    return render_template("office/selections.html", rows=rows)


def _may_change(one: Selection) -> bool:
    """Surveys and reports of the whole company go by a selection: whoever sees a part of it changes the own ones."""
    return scope().everything or (one.created_by_id == current_user.id and not one.makes_key)


def _to_change(selection_id: int) -> Selection:
    one = db.session.get(Selection, selection_id) or abort(404)
    return one if _may_change(one) else abort(403)


@bp.deed("/customers/selections/", Permission.EDIT_CUSTOMERS)
def selection_save() -> ResponseReturnValue:
    """Keep the filters shown under a name; whom it takes is looked at anew each time."""
    name = " ".join(request.form.get("name", "").split())[:NAME_MAX]
    rule = asked(request.form)
    if not name or not rule.as_json().keys() - {"currency"}:
        return done(_("Choose at least one filter and a name: everybody needs no selection."), ".people")
    typed = request.form.get("selection", "")
    with transaction():
        id_ = _to_change(int(typed)).id if typed.isascii() and typed.isdigit() and len(typed) < 10 else None
        made = bool(request.form.get("makes_key")) and scope().everything
        one = selections.save(id_, name, rule, makes_key=made, actor=me(), now=utcnow())
    return done(_("The selection is kept."), ".people", selection=one.id)


@bp.deed("/customers/selections/<int:selection_id>/delete", Permission.EDIT_CUSTOMERS)
def selection_delete(selection_id: int) -> ResponseReturnValue:
    """Forget a selection, not its customers."""
    with transaction():
        _to_change(selection_id)
        selections.delete(selection_id, actor=me(), now=utcnow())
    return done(_("The selection is gone; its customers stay."), ".selection_list")


# ---- tags, and key customers by hand -------------------------------------------------------------------------------


@bp.page("/customers/tags/", Permission.SEE_CUSTOMERS)
def tag_list() -> ResponseReturnValue:
    """Every tag: how many carry it, and how many more each month."""
    today = local_date(utcnow(), "UTC").replace(day=1)
    months = [rules.months_after(at_local(today, time(), "UTC"), -n).date() for n in range(MONTHS_SHOWN)]
    rows = tags.by_month(months[-1], scope())
    return render_template("office/tags.html", rows=rows, months=months[::-1], derived=tags.is_derived)


@bp.deed("/customers/<int:customer_id>/tag", Permission.EDIT_CUSTOMERS)
def customer_tag(customer_id: int) -> ResponseReturnValue:
    """Put a tag on somebody."""
    queries.visible_customer(customer_id, scope()) or abort(404)
    name = tags.cleaned(request.form.get("tag", ""))
    if not name:
        flash(_("A tag has at most 40 characters and is not one that answers give, such as promoter."), "error")
        return redirect(url_for(".customer", customer_id=customer_id), code=303)
    with transaction():
        tags.put(customer_id, name, actor=me(), now=utcnow())
    return done(_("The tag is put on."), ".customer", customer_id=customer_id)


@bp.deed("/customers/<int:customer_id>/untag", Permission.EDIT_CUSTOMERS)
def customer_untag(customer_id: int) -> ResponseReturnValue:
    """Take a tag off that was put on by hand."""
    queries.visible_customer(customer_id, scope()) or abort(404)
    with transaction():
        tags.drop(customer_id, request.form.get("tag", ""), actor=me(), now=utcnow())
    return done(_("The tag is taken off."), ".customer", customer_id=customer_id)


@bp.deed("/customers/<int:customer_id>/key", Permission.EDIT_CUSTOMERS)
def customer_key(customer_id: int) -> ResponseReturnValue:
    """Say that somebody is a key customer, or is not."""
    queries.visible_customer(customer_id, scope()) or abort(404)
    is_key = request.form.get("key") == "yes"
    with transaction():
        care.say_key(customer_id, is_key=is_key, actor=me(), now=utcnow())
    words = _("A key customer from now on.") if is_key else _("No key customer any more.")
    return done(words, ".customer", customer_id=customer_id)
