"""Every sentence of the interface exists in Russian and Ukrainian, complete and compiled."""

import io
import re
import subprocess
import sys
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
TRANSLATIONS = ROOT / "npsapp" / "translations"
LANGUAGES = ["ru", "uk"]
OBLIQUE = re.compile(r"(?i)(\bо|\bза|\bв|\bу|\bпо|щодо|тексты|тексти) %\(")


def _catalog(language: str) -> Catalog:
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What is in the code now, extracted afresh."""
    target = tmp_path_factory.mktemp("pot") / "messages.pot"
    command = [
        "pybabel",
        "-q",
        "extract",
        "-F",
        str(TRANSLATIONS / "babel.cfg"),
        "-k",
        "N_",
        "-k",
        "lazy_gettext",
        "-k",
        "_l",
    ]
    subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:], "-o", str(target), "npsapp"], cwd=ROOT, check=True
    )
    with target.open("rb") as file:
        return read_po(file)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated(language: str, sentences: Catalog) -> None:
    catalog = _catalog(language)
    missing = []
    for message in sentences:
        if not message.id:
            continue
        found = catalog.get(message.id if isinstance(message.id, str) else message.id[0])
        strings = [found.string] if found and isinstance(found.string, str) else list(found.string) if found else []
        if found is None or found.fuzzy or not strings or not all(strings):
            missing.append(message.id)

    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_survive_translation(language: str) -> None:
    catalog = _catalog(language)
    wrong = [(m.id, str(error)) for m in catalog if m.id for error in m.check(catalog)]

    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_translations_are_fresh(language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, _catalog(language))

    assert (TRANSLATIONS / language / "LC_MESSAGES" / "messages.mo").read_bytes() == compiled.getvalue()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_plural_is_right_for_1_2_5_and_21(language: str) -> None:
    """The three forms are three wordings, and the first holds its number: 21 takes it as well as 1.

    In oblique cases the second and third are the same: «о 2 письмах», «о 5 письмах».
    """
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        spoken = GNUTranslations(file)
    wrong = []
    for message in (one for one in _catalog(language) if one.id and not isinstance(one.id, str)):
        one, two, five, twenty_one = (spoken.ngettext(*message.id, count) for count in (1, 2, 5, 21))
        holes = [set(re.findall(r"%\(\w+\)s", form)) for form in (one, two, five, message.id[1])]
        alike = one in (two, five) or (two == five and not OBLIQUE.search(two))
        if alike or twenty_one != one or any(found != holes[-1] for found in holes):
            wrong.append((one, two, five))

    assert wrong == []
