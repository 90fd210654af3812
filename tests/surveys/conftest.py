"""The pages of surveys are opened as in real life: every request on its own."""

from tests.organization.conftest import client as client
