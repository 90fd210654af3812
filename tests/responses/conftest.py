"""Links of invitations for the tests of answers."""

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from npsapp.db import transaction
from npsapp.invitations.models import Invitation
from tests.factories import make_invitation
from tests.responses.visitor import Visitor


@pytest.fixture
def invite(company: SimpleNamespace, now: datetime) -> Callable[..., Invitation]:
    """`invite(**over)`: an invitation whose letter has left; its link is `/r/<steps[0].token>`."""

    def make(**over: Any) -> Invitation:
        with transaction():
            return make_invitation(company, now=over.pop("now", now), **over)

    return make


@pytest.fixture
def link(invite: Callable[..., Invitation], at_now: datetime) -> str:
    """The link of one open invitation, at the fixed moment of the tests."""
    return f"/r/{invite().steps[0].token}"


@pytest.fixture
def visitor(client: FlaskClient) -> Visitor:
    """Somebody who reads English and runs no scripts."""
    return Visitor(client, **{"Accept-Language": "en"})
