"""The page of a survey's rule: its form with what there is to choose from, what is wrong with it, what it would do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _, ngettext

from npsapp.delivery.rules import Channel
from npsapp.i18n import language_now
from npsapp.intake import selections
from npsapp.invitations import effects, queries
from npsapp.invitations.candidates import care_of, chain_of, policy_of
from npsapp.invitations.chains import CHANNELS, FIRST, NO_TEXT, NOT_THERE, ChainStep, chain_faults, missing_channels
from npsapp.invitations.criteria import CONTRADICTING_AMOUNTS, UNIT_ELSEWHERE, Criteria
from npsapp.invitations.forms import PolicyForm
from npsapp.invitations.models import InvitationPolicy, PolicyStep
from npsapp.invitations.rules import Policy
from npsapp.lib.texts import text_in
from npsapp.organization import queries as organization
from npsapp.organization.models import Unit
from npsapp.permissions import Scope
from npsapp.surveys import queries as surveys, texts
from npsapp.surveys.models import Survey
from npsapp.surveys.rules import SurveyState


def form_for(survey: Survey, scope: Scope) -> PolicyForm:
    """The form with the survey's rule, or with what was typed; places of the scope and those of the rule."""
    rule, language = queries.policy(survey.id), language_now()
    criteria = Criteria.from_json(rule.criteria)
    form = PolicyForm(obj=None, **_plain(rule))
    declared = organization.properties()
    keys = {one.id: one for one in declared if one.pool_id == survey.brand.pool_id}
    values = organization.property_values(keys)
    form.offer(
        segments=organization.choices("segment", language),
        regions=organization.choices("region", language, scope=scope, chosen=criteria.regions),
        units=organization.choices("unit", language, scope=scope, chosen=criteria.units),
        selections=[(one.id, one.name) for one in selections.saved()],
        properties=[
            (f"{keys[one.property_id].key}={one.name}", f"{text_in(keys[one.property_id].name, language)}: {one.name}")
            for one in values
        ],
    )
    if not form.is_submitted():
        form.show(rule, criteria, chain_of(rule))
    return form


def _plain(rule: InvitationPolicy) -> dict[str, Any]:
    names = ("window_from", "window_until", "weekend_from", "weekend_until", "on_holidays", "mobile_sms")
    plain = {name: getattr(rule, name) for name in (*names, "latest_days", "valid_days")}
    return plain | {"first_channel": rule.first_channel.value}


def faults(form: PolicyForm, survey: Survey) -> Mapping[str, str]:
    """What contradicts itself, by the field where it stands: field → msgid."""
    found: dict[str, str] = {}
    criteria = form.criteria()
    low, high = criteria.amount_from, criteria.amount_to
    if low is not None and high is not None and low > high:
        found["amount_to"] = CONTRADICTING_AMOUNTS
    if criteria.units and criteria.regions and not _units_inside(criteria):
        found["units"] = UNIT_ELSEWHERE
    steps, valid = form.follow_ups(), timedelta(days=form.valid_days.data or 0)
    for number, words in chain_faults(steps, valid=valid).items():
        found[f"after{number}"] = words
    if survey.state is SurveyState.ACTIVE:
        ready = queries.ready(survey.brand_id)
        found |= {f"channel{step.number}": NOT_THERE for step in steps if step.channel not in ready}
        found |= {} if Channel(form.first_channel.data) in ready else {"first_channel": NOT_THERE}
        found |= {"mobile_sms": NOT_THERE} if form.mobile_sms.data and Channel.SMS not in ready else {}
    for step in steps:
        if _faulty_text(survey, step):
            found.setdefault(f"channel{step.number}", NO_TEXT)
    return found


def _units_inside(criteria: Criteria) -> bool:
    inside = organization.subtree_ids(criteria.regions)
    return any(unit.region_id in inside for unit in organization.rows(Unit, sorted(criteria.units)))


def _faulty_text(survey: Survey, step: ChainStep) -> bool:
    """Whether a step has words that cannot be sent; one without any gets the usual ones when it is saved."""
    words = surveys.words(survey.id, step.number, step.channel).values()
    return any(texts.faults(survey, one.texts, step.channel) for one in words)


def counted(scope: Scope) -> list[str]:
    """Names of the regions in which the numbers of these pages are counted; none: in all."""
    if scope.everything:
        return []
    return [name for _id, name in organization.choices("region", language_now(), scope=scope)]


def effects_of(
    form: PolicyForm, survey: Survey, *, without_mail: frozenset[int], now: datetime, scope: Scope
) -> effects.Effects:
    """What becomes of what is planned in the scope, if this is saved."""
    care = care_of(queries.contact_policy(survey.brand.pool_id))
    steps = [
        PolicyStep(number=one.number, channel=one.channel, delay_hours=one.delay.days * 24) for one in form.follow_ups()
    ]
    policy = policy_of(InvitationPolicy(**form.values(), follow_ups=steps), care)
    return effects.of_policy(survey.id, policy, without_mail=without_mail, now=now, scope=scope)


def missing(form: PolicyForm, survey: Survey) -> list[str]:
    """Names of the channels the chain needs that are not there yet."""
    first = ChainStep(FIRST, Channel(form.first_channel.data or Channel.EMAIL))
    ready, sms = queries.ready(survey.brand_id), bool(form.mobile_sms.data)
    needed = missing_channels([first, *form.follow_ups()], mobile_sms=sms, ready=ready)
    return [_(CHANNELS[channel]) for channel in needed]


# ---- the picture -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stop:
    """One moment of the picture: how long after the start, what happens, to whom."""

    after: str
    what: str
    only_silent: bool = False


def picture(policy: Policy, *, wave: bool = False) -> Iterable[Stop]:
    """What a rule does to one customer, in the order of time."""
    yield Stop("", _("It is the customer's turn this month") if wave else _("The purchase or visit"))
    after = policy.delay
    for step in sorted(policy.steps, key=lambda one: one.number):
        after += step.delay
        yield Stop(_span(after), _(CHANNELS[step.channel]), step.number != FIRST)
    yield Stop(_span(policy.delay + policy.valid), _("The link closes"))


def _span(after: timedelta) -> str:
    if after < timedelta(days=1):
        hours = int(after / timedelta(hours=1))
        return str(ngettext("%(num)s hour later", "%(num)s hours later", hours) if hours else _("at once"))
    return str(ngettext("%(num)s day later", "%(num)s days later", after.days))
