"""Take the pictures of README from the demo company: `make screenshots`."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser import ARGUMENTS
from tests.journeys.conftest import Installation

FOLDER = Path(__file__).parent
PASSWORD = "a password for pictures"
# name, who is signed in, address, width, language
PICTURES = (
    ("reports", "analyst", "/reports/", 1280, "en"),
    ("cases", "kyiv", "/cases/", 360, "uk"),
    ("case", "kyiv", "/cases/{case}", 360, "ru"),
    ("survey", "", "/r/{token}/9", 360, "uk"),
)


def main() -> None:
    """Load the demo into a temporary folder, serve it, and photograph it."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        installation = Installation(Path(folder) / "instance", DEMO="1")
        installation.flask("db", "upgrade")
        installation.flask("demo", "load")
        installation.flask("beat")
        for name in {who for _name, who, *_rest in PICTURES if who}:
            installation.flask("user", "password", f"{name}@example.com", given=f"{PASSWORD}\n")
        installation.serve()
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        try:
            for picture in PICTURES:
                take(browser, installation, *picture)
        finally:
            browser.close()
            installation.stop()


def take(
    browser: Browser, installation: Installation, name: str, who: str, path: str, width: int, language: str
) -> None:
    """One picture into this folder, as wide as the screen and at most two screens high."""
    context = browser.new_context(viewport={"width": width, "height": 800}, locale=language)
    page = context.new_page()
    if who:
        page.goto(f"{installation.address}/login")
        page.fill("#email", f"{who}@example.com")
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{installation.address}/")
    page.goto(f"{installation.address}{path.format(**_ids(installation))}?lang={language}")
    page.wait_for_load_state("networkidle")
    high = min(page.evaluate("document.documentElement.scrollHeight"), 1500 if width > 600 else 1200)
    page.set_viewport_size({"width": width, "height": high})
    page.screenshot(path=FOLDER / f"{name}-{width}-{language}.png")
    context.close()


def _ids(installation: Installation) -> dict[str, object]:
    """A waiting case of Kyiv, and a link that was not answered yet."""
    ((case,),) = installation.rows(
        "SELECT c.id FROM 'case' c JOIN region r ON r.id = c.region_id "
        "WHERE r.key = 'kyiv' AND c.state = 'contacted' ORDER BY c.due_at LIMIT 1"
    )
    ((token,),) = installation.rows(
        "SELECT s.token FROM invitation_step s JOIN invitation v ON v.id = s.invitation_id "
        "WHERE v.state = 'handed_over' AND v.language = 'uk' ORDER BY s.id DESC LIMIT 1"
    )
    return {"case": case, "token": token}


if __name__ == "__main__":
    main()
