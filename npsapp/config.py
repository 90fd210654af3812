"""Every setting: default < instance/config.py < environment `NPSAPP_*`, converted to its type, checked at start."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

PREFIX = "NPSAPP_"
ENV_ONLY = {"INSTANCE_PATH"}
EXTRAS = {"psycopg": "npsapp[postgres]", "redis": "npsapp[redis]"}
IDLE_S = 30.0
STATEMENTS_KEPT = 24
"""Of SQLite, by each connection: some 10 kB each. A customer needs 17 of them; making one anew takes 0.1 ms."""
MIGRATIONS = Path(__file__).parent.parent / "migrations"


class WrongSetting(SystemExit):
    """A setting nobody can start with; the message names it and says what is expected."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"npsapp cannot start: setting {PREFIX}{name} {why}")


def _boolean(value: Any) -> bool:
    text = str(value).strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("must be 1 or 0")


def _count(value: Any) -> int:
    try:
        number = int(str(value).strip())
    except ValueError:
        raise ValueError("must be a whole number") from None
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _port(value: Any) -> int:
    number = _count(value)
    if not 1 <= number <= 65535:
        raise ValueError("must be a port between 1 and 65535")
    return number


def _seconds(value: Any) -> float:
    try:
        number = float(str(value).strip())
    except ValueError:
        raise ValueError("must be a number of seconds") from None
    if not 0 <= number < 1e9:
        raise ValueError("must be a number of seconds, 0 or more")
    return number


def _beat(value: Any) -> float:
    number = _seconds(value)
    if not 1 <= number <= 60:
        raise ValueError("must be 1 to 60 seconds")
    return number


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)):
        return tuple(str(word) for word in value)
    return tuple(word.strip() for word in str(value).split(",") if word.strip())


def _choice(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        text = str(value).strip().lower()
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return read


def _public_url(value: Any) -> str:
    text = str(value).strip().rstrip("/")
    parts = urlsplit(text)
    good = parts.scheme in {"http", "https"} and parts.hostname and not (parts.query or parts.fragment)
    if text and not good:
        raise ValueError("must be an address like https://nps.example.com")
    return text


def _database(value: Any) -> str:
    text = str(value).strip()
    if text and not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    return text


def _queue(value: Any) -> str:
    text = str(value).strip()
    if text and not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must be empty (a queue file in the instance folder) or begin with redis://")
    return text


@dataclass(frozen=True)
class Setting:
    """One setting: how its text is read, its default, and what it means for the person who runs the server."""

    name: str
    read: Callable[[Any], Any]
    default: Any
    meaning: str


SETTINGS: tuple[Setting, ...] = (
    Setting("SECRET_KEY", str, "", "signs sessions and links; made and kept in instance/secret_key when empty"),
    Setting(
        "SECRET_KEY_FALLBACKS", _words, (), "older secret keys, comma-separated: links signed with them stay valid"
    ),
    Setting("SQLALCHEMY_DATABASE_URI", _database, "", "database; empty: sqlite file instance/npsapp.db"),
    Setting("HUEY_URL", _queue, "", "queue: redis://host/0; empty: file instance/queue.db"),
    Setting("PUBLIC_URL", _public_url, "", "address under which customers reach this program; empty: HOST and PORT"),
    Setting("MAIL_SERVER", str, "", "SMTP server; empty: letters are written to instance/outbox/"),
    Setting("MAIL_PORT", _port, 25, "port of the SMTP server"),
    Setting("MAIL_USERNAME", str, "", "login name at the SMTP server; empty: none"),
    Setting("MAIL_PASSWORD", str, "", "password at the SMTP server"),
    Setting("MAIL_USE_TLS", _boolean, False, "STARTTLS (usually with port 587)"),
    Setting("MAIL_USE_SSL", _boolean, False, "TLS from the first byte (usually with port 465)"),
    Setting("MAIL_CA_FILE", str, "", "file with the certificate authority of an own mail server; empty: the system's"),
    Setting("MAIL_TIMEOUT", _seconds, 20.0, "seconds to wait for the SMTP server"),
    Setting("MAIL_CONNECTIONS", _count, 2, "connections to the SMTP server at the same time"),
    Setting("MAIL_PER_MINUTE", _count, 600, "letters per minute and sender"),
    Setting("MAIL_LEASE", _seconds, 120.0, "seconds after which a claimed letter is taken back from a dead worker"),
    Setting("MAIL_UNKNOWN_AFTER", _seconds, 600.0, "seconds until a letter of unknown outcome is sent once more"),
    Setting("DNS_SERVERS", _words, (), "name servers as address:port, for “Can my mail arrive?”; empty: the system's"),
    Setting("DNS_TIMEOUT", _seconds, 2.0, "seconds to wait for each answer of a name server"),
    Setting("BEAT_EVERY", _beat, 60.0, "seconds between two heartbeats of the worker, 1 to 60"),
    Setting("LEASE", _seconds, 60.0, "seconds after which a dead worker's heartbeat or import is taken over"),
    Setting(
        "ANSWER_SOON", _seconds, 60.0, "seconds after a letter left in which an answer needs confirmation, 0: none"
    ),
    Setting(
        "ANSWER_FAST", _seconds, 0.7, "seconds after opening a page in which an answer needs confirmation, 0: none"
    ),
    Setting("ANSWER_SWEEP", _seconds, 60.0, "seconds within which two scores of one letter show a machine, 0: never"),
    Setting(
        "ANSWER_PROMOTE", _seconds, 86400.0, "seconds until an unconfirmed answer is counted or dropped, 0: at once"
    ),
    Setting("TRUSTED_PROXIES", _words, (), "addresses of reverse proxies whose X-Forwarded-* headers count"),
    Setting("DEMO", _boolean, False, "1: load the demo company on first start and allow `beat --at`"),
    Setting("UPLOAD_MEGABYTES", _count, 40, "largest file of purchases that may be uploaded, in megabytes"),
    Setting("OPEN_ANSWERS_PER_HOUR", _count, 20, "answers an hour from one network with one open link, 0: no limit"),
    Setting("API_PER_MINUTE", _count, 120, "requests per minute and key of the JSON API, 0: no limit"),
    Setting("HOST", str, "127.0.0.1", "address on which `flask run-all` listens"),
    Setting("PORT", _port, 8000, "port on which `flask run-all` listens"),
    Setting("WEB_THREADS", _count, 8, "threads of the web process"),
    Setting("WORKER_THREADS", _count, 2, "threads of the worker"),
    Setting("LOG_FORMAT", _choice("text", "json"), "text", "log lines on standard error: key=value or JSON objects"),
    Setting("LOG_LEVEL", _choice("debug", "info", "warning", "error"), "info", "least serious log lines written"),
    Setting("METRICS_TOKEN", str, "", "password of /metrics (Authorization: Bearer); empty: no such page"),
    Setting("TESTING", _boolean, False, "for the test suite only"),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}


def instance_path() -> str | None:
    """The folder of this installation from `NPSAPP_INSTANCE_PATH`, absolute, or None for Flask's default."""
    wanted = os.environ.get(f"{PREFIX}INSTANCE_PATH", "").strip()
    return str(Path(wanted).expanduser().resolve()) if wanted else None


def load(app: Flask, overrides: dict[str, Any] | None = None) -> None:
    """Read all settings into `app.config`; stops the start with a sentence that names a wrong one."""
    _make_folder(Path(app.instance_path))
    for setting in SETTINGS:
        app.config[setting.name] = setting.default
    app.config.from_pyfile("config.py", silent=True)
    _refuse_unknown_names()
    app.config.from_prefixed_env(PREFIX.rstrip("_"), loads=str)
    app.config.update(overrides or {})
    for setting in SETTINGS:
        _convert(app, setting)
    _derive(app)


def _reachable(host: str) -> str:
    """How this computer itself reaches a server that listens at a host, or at all."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing listens here
    return f"[{host}]" if ":" in host else host


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSetting("INSTANCE_PATH", f"names a folder that cannot be made: {error}") from error
    if not os.access(folder, os.W_OK):
        raise WrongSetting("INSTANCE_PATH", f"names a folder that cannot be written: {folder}")


def _refuse_unknown_names() -> None:
    known = set(BY_NAME) | ENV_ONLY
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable.removeprefix(PREFIX) not in known:
            raise WrongSetting(variable.removeprefix(PREFIX), "is not known; see the list in README, Configuration")


def _convert(app: Flask, setting: Setting) -> None:
    try:
        app.config[setting.name] = setting.read(app.config[setting.name])
    except ValueError as error:
        raise WrongSetting(setting.name, f"is wrong: it {error} ({setting.meaning})") from error


def _derive(app: Flask) -> None:
    """What follows from the settings: paths, keys, cookies and the settings of the extensions."""
    config = app.config
    instance = Path(app.instance_path)
    if config["MAIL_USE_TLS"] and config["MAIL_USE_SSL"]:
        raise WrongSetting("MAIL_USE_TLS", "and NPSAPP_MAIL_USE_SSL cannot both be 1; most servers want only one")
    config["SECRET_KEY"] = config["SECRET_KEY"] or _kept_secret(instance / "secret_key")
    if len(config["SECRET_KEY"]) < 16:
        raise WrongSetting("SECRET_KEY", "is too short: at least 16 characters")
    if config["SQLALCHEMY_DATABASE_URI"].startswith("postgresql"):
        _need_package("SQLALCHEMY_DATABASE_URI", "psycopg")
    if config["HUEY_URL"]:
        _need_package("HUEY_URL", "redis")
    config["SECRET_KEYS"] = (config["SECRET_KEY"], *config["SECRET_KEY_FALLBACKS"])
    config["SQLALCHEMY_DATABASE_URI"] = config["SQLALCHEMY_DATABASE_URI"] or f"sqlite:///{instance / 'npsapp.db'}"
    config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(
        config["SQLALCHEMY_DATABASE_URI"], idle_s=max(IDLE_S, config["LEASE"]), threads=config["WEB_THREADS"]
    )
    config["PUBLIC_URL"] = config["PUBLIC_URL"] or f"http://{_reachable(config['HOST'])}:{config['PORT']}"
    config["MAX_CONTENT_LENGTH"] = config["UPLOAD_MEGABYTES"] * 1024 * 1024
    config["MAX_FORM_MEMORY_SIZE"] = 2 * 1024 * 1024
    config["SESSION_COOKIE_HTTPONLY"] = True
    config["SESSION_COOKIE_SAMESITE"] = "Lax"
    config["SESSION_COOKIE_SECURE"] = config["PUBLIC_URL"].startswith("https://")
    config["REMEMBER_COOKIE_HTTPONLY"] = True
    config["REMEMBER_COOKIE_SECURE"] = config["SESSION_COOKIE_SECURE"]
    config["WTF_CSRF_TIME_LIMIT"] = None
    config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    config["BABEL_DEFAULT_LOCALE"] = "en"
    config["BABEL_DEFAULT_TIMEZONE"] = "UTC"


def engine_options(uri: str, *, idle_s: float = IDLE_S, threads: int = 4) -> dict[str, Any]:
    """How every connection to a database of ours is made, and how many are kept: one for each thread, one for what
    is written after an answer has left. Making one anew costs PostgreSQL more than a page.

    A process that stands still inside a transaction keeps others waiting for its locks: after `idle_s` seconds
    PostgreSQL takes the transaction back, as it would have done with a dead one's.
    """
    # Parameters of failing statements are people's addresses and tokens: they stay out of the log.
    # The connection used last knows best what the others have not changed since.
    options: dict[str, Any] = {"hide_parameters": True, "pool_use_lifo": True, "pool_size": threads + 1}
    options["pool_reset_on_return"] = None  # pool.py does, without asking a connection that has nothing to take back
    if uri.startswith("postgresql"):
        # Days are cut in UTC on both databases.
        options["connect_args"] = {
            "options": f"-c timezone=utc -c idle_in_transaction_session_timeout={idle_s * 1000:.0f}"
        }
    else:
        options["connect_args"] = {"cached_statements": STATEMENTS_KEPT}
    return options


def _need_package(setting: str, package: str) -> None:
    if find_spec(package) is None:
        raise WrongSetting(setting, f"needs a package that is not installed: pip install '{EXTRAS[package]}'")


def _kept_secret(file: Path) -> str:
    """The secret key of this installation; made on first use, readable by its owner only.

    Two processes may start at once: the file is linked into place, so both read the same key.
    """
    if not file.exists():
        fresh = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_urlsafe(48))
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_text().strip()
