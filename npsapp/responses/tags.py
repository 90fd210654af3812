"""Which tags answers put on their customers: the last one that counts, of each survey."""

from collections.abc import Collection

from sqlalchemy import String, case, cast, func, literal, select, tuple_

from npsapp.customers import tags
from npsapp.responses import rules
from npsapp.responses.models import Response
from npsapp.responses.queries import counting
from npsapp.responses.rules import Group
from npsapp.surveys.days import Day


def derive_again(days: Collection[Day]) -> None:
    """Tag everybody anew who answered on these days, `nps:9` and `promoter`. Needs a transaction."""
    them = Response.survey_id, Response.customer_id
    asked = tuple_(Response.survey_id, Response.local_date).in_(days), Response.customer_id.is_not(None)
    of = select(*them).where(*asked).distinct()
    place = func.row_number().over(partition_by=them, order_by=(Response.confirmed_at.desc(), Response.id.desc()))
    columns = Response.customer_id, Response.survey_id, Response.region_id, Response.score, Response.confirmed_at
    last = select(*columns, place.label("place")).where(tuple_(*them).in_(of), *counting()).subquery()
    group = case(
        (last.c.score >= rules.LOWEST_PROMOTER, Group.PROMOTER.value),
        (last.c.score >= rules.LOWEST_PASSIVE, Group.PASSIVE.value),
        else_=Group.DETRACTOR.value,
    )
    names = literal("nps:", String) + cast(last.c.score, String), group
    whose = last.c.customer_id, last.c.survey_id, last.c.region_id
    rows = (select(*whose, name, last.c.confirmed_at) for name in names)
    tags.derive_again(of, (one.where(last.c.place == 1) for one in rows))
