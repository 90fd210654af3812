"""Ready-made automations: a survey with its rule and chain, to switch on and adapt."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from npsapp.audit.services import Actor
from npsapp.delivery.rules import Channel
from npsapp.invitations import policies
from npsapp.invitations.chains import FIRST, ChainStep
from npsapp.invitations.rules import Care, Policy
from npsapp.lib.texts import N_, text_in
from npsapp.organization.models import Brand
from npsapp.surveys import founding, services as surveys
from npsapp.surveys.models import Survey
from npsapp.surveys.wording import REGULAR, THREE, WHY, touchpoint_names

DAY = 24


@dataclass(frozen=True)
class Automation:
    """One entry of the list."""

    key: str
    name: str
    sentence: str
    """What it will do: a msgid."""
    touchpoint: str
    """A key of `wording.touchpoint_names()`."""
    delay_hours: int
    first: Channel = Channel.EMAIL
    follow_ups: tuple[tuple[Channel, int], ...] = ()
    """Channel and hours after the step before."""
    start: str = WHY
    wave: bool = False
    mobile_sms: bool = False

    @property
    def steps(self) -> tuple[ChainStep, ...]:
        """Its follow-ups."""
        numbered = enumerate(self.follow_ups, start=FIRST + 1)
        return tuple(ChainStep(number, channel, timedelta(hours=hours)) for number, (channel, hours) in numbered)

    @property
    def channels(self) -> tuple[ChainStep, ...]:
        """All its steps."""
        return (ChainStep(FIRST, self.first), *self.steps)


AUTOMATIONS = (
    Automation(
        "nps14",
        N_("NPS 14 days after purchase"),
        N_("Every customer gets a letter two weeks after each own purchase, and one reminder four days later."),
        touchpoint="purchase",
        delay_hours=14 * DAY,
        follow_ups=((Channel.EMAIL, 4 * DAY),),
    ),
    Automation(
        "nps30",
        N_("NPS 30 days after purchase"),
        N_("Every customer gets a letter a month after each own purchase, and one reminder four days later."),
        touchpoint="purchase",
        delay_hours=30 * DAY,
        follow_ups=((Channel.EMAIL, 4 * DAY),),
    ),
    Automation(
        "delivery",
        N_("After delivery: next day, SMS a day later"),
        N_("A letter the day after the delivery, then an SMS to the silent. Only a mobile number: SMS first."),
        touchpoint="delivery",
        delay_hours=DAY,
        follow_ups=((Channel.SMS, DAY),),
        mobile_sms=True,
    ),
    Automation(
        "service",
        N_("After a service visit: three questions"),
        N_("The day after a visit a letter asks for recommendation, the service, and what would make it a ten."),
        touchpoint="service",
        delay_hours=DAY,
        start=THREE,
    ),
    Automation(
        "wave",
        N_("Regular survey of active customers"),
        N_("Every month a part of those who bought within a year gets a letter, so that everybody's turn comes."),
        touchpoint=REGULAR,
        delay_hours=0,
        wave=True,
    ),
    Automation(
        "phone",
        N_("Phone survey by a call centre"),
        N_("Three days after the purchase the customer is put on the list of an operator, who calls and asks."),
        touchpoint="purchase",
        delay_hours=3 * DAY,
        first=Channel.PHONE,
    ),
)


def of(key: str) -> Automation | None:
    """The automation of that key."""
    return next((one for one in AUTOMATIONS if one.key == key), None)


def policy(one: Automation, care: Care) -> Policy:
    """Its rule as the value that rules understand, with the care of a company."""
    return Policy(delay=timedelta(hours=one.delay_hours), steps=one.channels, mobile_sms=one.mobile_sms, care=care)


def switch_on(one: Automation, brand: Brand, language: str, *, actor: Actor, now: datetime) -> Survey:
    """A draft of its survey with its rule, to be looked at, adapted and published. Needs a transaction."""
    touchpoint_id = founding.touchpoint(brand.pool_id, one.touchpoint, now)
    name = text_in(touchpoint_names()[one.touchpoint], language)
    survey = surveys.create_survey(
        brand_id=brand.id, touchpoint_id=touchpoint_id, name=name, start=one.start, actor=actor, now=now
    )
    values = {"delay_hours": one.delay_hours, "first_channel": one.first, "wave": one.wave}
    policies.change_policy(
        survey.id, values | {"mobile_sms": one.mobile_sms}, follow_ups=one.steps, actor=actor, now=now
    )
    return survey
