"""Every page once, with the longest names, on screens of all widths, languages and lights; all of it: `make pages`."""

from types import SimpleNamespace

import pytest
from flask import Flask
from playwright.sync_api import Browser

from npsapp.lib.clock import utcnow
from npsapp.permissions import Role
from tests.browser import ONE_DATABASE
from tests.pages import stage
from tests.pages.addresses import addresses, as_another
from tests.pages.looks import SCREENS, Looker

pytestmark = [pytest.mark.browser, ONE_DATABASE]


def test_every_page_stands_well_on_its_screen(
    app: Flask, company: SimpleNamespace, chromium: Browser, address: str
) -> None:
    stage.longest_names(company, utcnow())
    found = addresses(app, as_user=company.admin)
    wrong: dict[str, list[str]] = {}
    for number, screen in enumerate(SCREENS):
        for user in (company.admin, None):
            # Seven and eighteen have no divisor in common: neighbours in the url map get unlike screens.
            pages = [
                one for at, one in enumerate(found) if at * 7 % len(SCREENS) == number and one.public != bool(user)
            ]
            looker = Looker(chromium, app, address, user, screen.language)
            for page in pages:
                if faults := [text for _screen, text in looker.faults(page, [screen])]:
                    wrong[f"{page} on {screen}"] = faults
            looker.close()

    assert len(found) > 100
    assert wrong == {}


def test_other_roles_see_their_pages_and_are_told_what_is_not_theirs(
    app: Flask, company: SimpleNamespace, chromium: Browser, address: str
) -> None:
    stage.longest_names(company, utcnow())
    found, wrong = as_another(addresses(app, as_user=company.admin)), {}
    for number, role in enumerate((Role.MANAGER, Role.ANALYST, Role.SUPPORT)):
        screen = SCREENS[5 * number]
        looker = Looker(chromium, app, address, stage.somebody(role), screen.language)
        for page in found[number::12]:
            if faults := [text for _screen, text in looker.faults(page, [screen])]:
                wrong[f"{page} as {role} on {screen}"] = faults
        looker.close()

    assert wrong == {}
