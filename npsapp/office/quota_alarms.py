"""The quota alarm: whoever answers for a place is told once in a month that its target cannot be reached any more."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime

from npsapp.accounts import queries as accounts
from npsapp.accounts.models import User
from npsapp.db import reading
from npsapp.invitations import quotas, targets
from npsapp.invitations.quota_models import Quota
from npsapp.invitations.quotas import Standing
from npsapp.office import alarms
from npsapp.surveys import queries as surveys
from npsapp.surveys.models import Survey

MOST_NAMED = 50  # of places in one letter


def waiting(now: datetime) -> list[int]:
    """Surveys with quotas out of reach that nobody was told of."""
    with reading():
        return sorted({one.survey_id for one in quotas.out_of_reach(now)})


def tell(survey_id: int, *, public_url: str, now: datetime) -> int:
    """One letter to each administrator and each manager concerned; gives their number. Needs a transaction."""
    survey = surveys.survey(survey_id)
    if survey is None:
        return 0
    found = [one for one in quotas.out_of_reach(now) if one.survey_id == survey_id]
    kind = quotas.rule(survey_id).kind
    by_month: dict[date, dict[int, Quota]] = defaultdict(dict)
    for quota in found:
        by_month[quota.month][quota.place_id] = quota
    told: dict[int, list[Standing]] = defaultdict(list)
    for month, theirs in by_month.items():
        places = [place for place in quotas.places(survey, kind, language=survey.brand.language) if place.id in theirs]
        for standing in quotas.standings(survey, places, theirs, month=month, now=now):
            for user_id in _concerned(standing.place.region_id):
                told[user_id].append(standing)
    for user_id, standings in told.items():
        user = accounts.user(user_id)
        if user and not _letter(user, survey, standings, public_url=public_url, now=now):
            return 0  # no brand can write yet; the start page says it
    targets.mark_told(found, now=now)
    return len(told)


def _concerned(region_id: int | None) -> Iterable[int]:
    """All administrators, and whoever answers for the region."""
    able = {one.id for one in accounts.administrators()}
    return able if region_id is None else able | {accounts.owner_for_region(region_id)}


def _letter(user: User, survey: Survey, standings: list[Standing], *, public_url: str, now: datetime) -> bool:
    return alarms.tell(
        user,
        "office/mail/quota_alarm",
        brand_id=survey.brand_id,
        now=now,
        survey=survey.name,
        standings=standings[:MOST_NAMED],
        more=max(len(standings) - MOST_NAMED, 0),
        link=f"{public_url}/schedule/quotas/?survey={survey.id}&month={standings[0].quota.month:%Y-%m}",
    )
