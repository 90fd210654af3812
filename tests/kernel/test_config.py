"""Settings: typed, named in errors, environment over file over default."""

import os
from pathlib import Path

import pytest

from npsapp import create_app
from npsapp.config import WrongSetting


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("NPSAPP_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MAIL_PORT", "smtp", "must be a whole number"),
        ("MAIL_PORT", "70000", "between 1 and 65535"),
        ("DEMO", "maybe", "must be 1 or 0"),
        ("PUBLIC_URL", "nps.example.com", "must be an address like"),
        ("SQLALCHEMY_DATABASE_URI", "mysql://x", "must begin with sqlite:///"),
        ("HUEY_URL", "amqp://x", "redis://"),
        ("SECRET_KEY", "short", "at least 16 characters"),
        ("MALE_SERVER", "x", "is not known"),
        ("MAIL_TIMEOUT", "-1", "0 or more"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"NPSAPP_{name}", value)

    with pytest.raises(WrongSetting, match=words) as stopped:
        create_app(instance_path=str(tmp_path))

    assert f"NPSAPP_{name}" in str(stopped.value)


def test_environment_outweighs_the_file_and_the_file_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.py").write_text("MAIL_PORT = 2525\nMAIL_SERVER = 'from.file'\n")
    monkeypatch.setenv("NPSAPP_MAIL_SERVER", "from.environment")

    config = create_app(instance_path=str(tmp_path)).config

    assert (config["MAIL_SERVER"], config["MAIL_PORT"], config["MAIL_TIMEOUT"]) == ("from.environment", 2525, 20.0)


def test_values_are_read_as_text_not_as_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NPSAPP_MAIL_PASSWORD", "12e3")

    assert create_app(instance_path=str(tmp_path)).config["MAIL_PASSWORD"] == "12e3"


def test_the_secret_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first = create_app(instance_path=str(tmp_path)).config["SECRET_KEY"]
    second = create_app(instance_path=str(tmp_path)).config["SECRET_KEY"]

    assert first == second
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"PORT": "8090"}, "http://127.0.0.1:8090"),
        ({"HOST": "0.0.0.0", "PORT": "80"}, "http://127.0.0.1:80"),  # noqa: S104 - nothing listens
        ({"HOST": "::1"}, "http://[::1]:8000"),
        ({"PORT": "8090", "PUBLIC_URL": "https://nps.example.com/"}, "https://nps.example.com"),
    ],
)
def test_letters_lead_to_where_the_server_listens_unless_an_address_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, str], url: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"NPSAPP_{name}", value)

    assert create_app(instance_path=str(tmp_path)).config["PUBLIC_URL"] == url
