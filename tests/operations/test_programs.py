"""What web and worker have loaded when they part."""

import subprocess
import sys
from pathlib import Path

from tests.journeys.conftest import ROOT, Installation

SPEAKS = """
import sys
from flask_babel import gettext
from npsapp import create_app, run
from npsapp.i18n import LANGUAGES, speaking
from npsapp.web.filters import number

app, opened = create_app(commands=False), []
if "ahead" in sys.argv:
    run.load_ahead(app)
sys.addaudithook(lambda event, said: opened.append(str(said[0])) if event == "open" else None)
for language in LANGUAGES:
    with app.app_context(), speaking(language):
        assert gettext("Answers") and number(0)
print(*[name for name in opened if name.endswith((".mo", ".dat"))])
"""


def files_read(installation: Installation, *words: str) -> set[str]:
    """Which catalogs and locale data a program reads to speak all languages."""
    done = subprocess.run(
        [sys.executable, "-c", SPEAKS, *words],
        cwd=ROOT, env=installation.environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return {Path(name).name for name in done.stdout.split()}


def test_all_languages_are_read_before_web_and_worker_part(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "instance")

    assert {"messages.mo", "uk.dat", "ru.dat", "en.dat"} <= files_read(installation)
    assert files_read(installation, "ahead") == set()
