"""Answers for the tests of reports."""

from datetime import date

import pytest

from npsapp.db import db, transaction
from npsapp.surveys import days
from npsapp.surveys.models import Tallied
from tests.factories import make_interaction, make_invitation, make_response, make_source


@pytest.fixture
def answer(company, now):
    """`answer(9, region=…, day=…)`: one counted answer, its day marked as the room of answers does it."""
    sources = []

    def give(score: int, *, day: date | None = None, region="kyiv", segment=True, **over):
        with transaction():
            source = sources[0] if sources else make_source(company, now=now)
            sources[:] = [source]
            interaction = make_interaction(
                company,
                now=now,
                source=db.session.merge(source),
                undecided=False,
                region_id=getattr(company.regions, region).id if region else None,
                segment_id=company.segment.id if segment else None,
            )
            invitation = make_invitation(company, now=now, interaction=interaction)
            day = day or now.date()
            response = make_response(company, now=now, score=score, invitation=invitation, local_date=day, **over)
            days.mark(Tallied.ANSWERS, [(response.survey_id, day)])
            return response.id

    return give
