"""A file that comes again byte for byte is left alone, and only where reading it anew would come to the same."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from npsapp.audit.services import COMMAND
from npsapp.db import db, transaction
from npsapp.intake import again, mapping, services, staging, tasks
from npsapp.intake.models import Exchange, ImportBatch, Interaction, RejectedRow, Source, SourceValue, ValueKind
from npsapp.lib.clock import utcnow
from npsapp.lib.tables import MEGABYTE
from npsapp.organization.models import Brand, Region
from tests.benchmarks.goods import write_documents
from tests.cast import csrf
from tests.intake.files import csv_file

TITLES = "external_id;date;email;region;unit;amount"
ROWS = [f"P-{n};03.11.2026 10:{n:02};b{n}@example.com;Kyiv;Магазин {n % 2};{n}00" for n in range(1, 6)]
WRONG = ["P-8;;b8@example.com;Kyiv;Магазин 1;800", "P-9;03.11.2026;b9 at example;Львів;Магазин 1;900"]
AMISS = ("rejected", "no_address", "unmapped")
COUNTS = ("rows", "applied", "accepted", "updated", "unchanged", "columns", *AMISS)


def _receive(path: Path, now: datetime, **options: Any) -> ImportBatch:
    """A file of a connection, read and applied."""
    with path.open("rb") as stream:
        stored = staging.store(stream, tasks.uploads(), most_bytes=MEGABYTE)
    with transaction():
        source = services.get_or_create_source(name="shop", actor=COMMAND, now=now)
        source.grounds = source.grounds or {"email": "contract"}
        format_ = "commerceml" if path.suffix == ".xml" else ""
        batch_id = services.receive(source.id, stored, file_name=path.name, format=format_, now=now, **options)
    tasks.stage_batch(batch_id)
    tasks.apply_batch(batch_id)
    return _fresh(batch_id)


def _fresh(batch_id: int) -> ImportBatch:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(ImportBatch, batch_id)


def _said_of(batch: ImportBatch) -> list[Any]:
    """Its counts, its rejected rows, and the purchases that then stand in the database."""
    rejects = db.session.query(RejectedRow).filter_by(batch_id=batch.id).order_by(RejectedRow.line, RejectedRow.reason)
    seen = [(one.line, one.reason, one.column, one.value) for one in rejects]
    return [{name: getattr(batch, name) for name in COUNTS}, seen, _standing()]


def _another(folder: Path, rows: list[str]) -> Path:
    (folder / "b").mkdir()
    return csv_file(folder / "b", rows, heading=TITLES)


def _standing() -> list[Any]:
    return list(db.session.execute(Interaction.__table__.select().order_by(Interaction.id)).all())


def _read_anew(batch_id: int, now: datetime) -> ImportBatch:
    with transaction():
        services.read_anew(batch_id)
    tasks.stage_batch(batch_id)
    with transaction():
        services.confirm(batch_id, actor=COMMAND, now=now)
    tasks.apply_batch(batch_id)
    return _fresh(batch_id)


def _source() -> Source:
    return db.session.query(Source).filter_by(name="shop").one()


@pytest.fixture(params=["table", "documents"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "table":
        return csv_file(tmp_path, [*ROWS, *WRONG], heading=TITLES)
    write_documents(tmp_path / "orders.xml", documents=7)
    return tmp_path / "orders.xml"


def test_it_comes_to_the_same_as_reading_it_anew(company: SimpleNamespace, now: datetime, file: Path) -> None:
    first = _receive(file, now)
    amiss, first_id, moment = [getattr(first, name) for name in AMISS], first.id, now + timedelta(hours=3)

    second = _receive(file, moment)

    assert second.options["again"] == first_id
    assert second.state.value == "done"
    assert second.unchanged == first.accepted > 0
    assert [getattr(second, name) for name in AMISS] == amiss
    left_alone = _said_of(second)
    exchange = db.session.query(Exchange).order_by(Exchange.id.desc()).first()
    assert (exchange.count, exchange.failed) == (second.unchanged, False)
    assert _source().accepted_at == _source().heard_at == second.finished_at
    assert _said_of(_read_anew(second.id, moment)) == left_alone


def test_the_third_time_it_is_the_same(company: SimpleNamespace, now: datetime, file: Path) -> None:
    first_id = _receive(file, now).id

    assert [_receive(file, now).options["again"] for _time in range(3)] == [first_id] * 3


def _say_a_word(company: SimpleNamespace, now: datetime, _folder: Path) -> None:
    word = db.session.query(SourceValue).filter_by(kind=ValueKind.UNIT, raw="магазин 1").one()
    mapping.say(word.id, target_id=company.units.odesa.id, actor=COMMAND, now=now)


def _erase(_company: SimpleNamespace, _now: datetime, _folder: Path) -> None:
    services.forget_people([db.session.query(Interaction).filter_by(external_id="P-1").one().customer_id])


def _set(**values: Any) -> Callable[..., None]:
    def change(_company: SimpleNamespace, _now: datetime, _folder: Path) -> None:
        for name, value in values.items():
            setattr(_source(), name, value)

    return change


CHANGES: dict[str, Callable[[SimpleNamespace, datetime, Path], Any]] = {
    "a word was said": _say_a_word,
    "a person was erased": _erase,
    "people were merged": lambda *_: services.apply_again([db.session.query(Interaction).first().customer_id]),
    "the import was undone": lambda _c, now, _f: services.undo(
        db.session.query(ImportBatch.id).scalar(), actor=COMMAND, now=now
    ),
    "the raw file was deleted": lambda *_: services.forget_file(db.session.query(ImportBatch.id).scalar()),
    "a region was added": lambda c, now, _f: db.session.add(
        Region(pool_id=c.brand.pool_id, key="lviv", name={"uk": "Львів"}, created_at=now)
    ),
    "a brand got another name": lambda c, *_: setattr(db.session.get_one(Brand, c.brand.id), "name", "Another"),
    "another ground": _set(grounds={"email": "interest"}),
    "another time zone": _set(timezone="Europe/Warsaw"),
    "another country": _set(country="PL"),
    "another currency": _set(currency="EUR"),
    "other settings": _set(settings={"trigger": "paid"}),
    "a column means something else": _set(mapping={"unit": "segment"}),
    "the ids are no persons": _set(ids_are_persons=False),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_after_a_change_it_is_read(
    company: SimpleNamespace, now: datetime, tmp_path: Path, change: Callable[..., Any]
) -> None:
    file = csv_file(tmp_path, [*ROWS, *WRONG], heading=TITLES)
    _receive(file, now)
    with transaction():
        change(company, now, tmp_path)

    assert "again" not in _receive(file, now).options


def test_after_another_file_changed_a_row_it_is_read_once(
    company: SimpleNamespace, now: datetime, tmp_path: Path
) -> None:
    file = csv_file(tmp_path, ROWS, heading=TITLES)
    first_id = _receive(file, now).id
    _receive(_another(tmp_path, [ROWS[0].replace(";100", ";111")]), now)

    third = _receive(file, now)

    assert (third.updated, third.unchanged, "again" in third.options) == (1, 4, False)
    assert _receive(file, now).options["again"] == first_id


def test_what_the_clock_decides_is_read_again(company: SimpleNamespace, now: datetime, tmp_path: Path) -> None:
    later = f"{utcnow() + timedelta(days=2):%d.%m.%Y} 10:00"
    file = csv_file(tmp_path, [*ROWS, f"P-7;{later};b7@example.com;Kyiv;Магазин 1;700"], heading=TITLES)
    assert (_receive(file, now).accepted, _receive(file, now).options.get("again")) == (5, None)


def test_an_earlier_one_that_is_still_on_its_way_goes_first(
    company: SimpleNamespace, now: datetime, tmp_path: Path
) -> None:
    file = csv_file(tmp_path, ROWS, heading=TITLES)
    source_id = _receive(file, now).source_id
    with transaction():
        stored = staging.StoredFile("x" * 30, "0", 1)
        services.receive(source_id, stored, file_name="c.csv", format="", now=now)

    assert _receive(file, now).state.value == "applying"


def test_rows_that_are_not_all_new_are_read_again(company: SimpleNamespace, now: datetime, tmp_path: Path) -> None:
    _receive(_another(tmp_path, ROWS[:2]), now)
    whole = csv_file(tmp_path, ROWS, heading=TITLES)
    _receive(whole, now)

    assert "again" not in _receive(whole, now).options


def test_who_uploads_a_file_again_is_told_and_may_have_it_read(
    client: FlaskClient, login: Any, company: SimpleNamespace, now: datetime, tmp_path: Path
) -> None:
    file = csv_file(tmp_path, [*ROWS, *WRONG], heading=TITLES)
    _receive(file, now)
    login(client, company.admin)
    token = csrf(client.get("/imports/new").get_data(as_text=True))
    with file.open("rb") as stream:
        form = {"csrf_token": token, "source": "shop", "file": (stream, "a.csv")}
        client.post("/imports/new", data=form)
    batch = db.session.query(ImportBatch).order_by(ImportBatch.id.desc()).first()
    tasks.stage_batch(batch.id)

    page = client.get(f"/imports/{batch.id}").get_data(as_text=True)
    assert "came again unchanged" in page
    assert "The date is missing" in page

    anew = client.post(f"/imports/{batch.id}/anew", data={"csrf_token": csrf(page)})
    assert anew.status_code in (302, 303)
    tasks.stage_batch(batch.id)
    assert _fresh(batch.id).state.value == "staged"


def test_nothing_is_left_alone_that_nobody_left_alone(company: SimpleNamespace, now: datetime, tmp_path: Path) -> None:
    batch_id = _receive(csv_file(tmp_path, ROWS, heading=TITLES), now).id
    with pytest.raises(services.NotWaiting), transaction():
        services.read_anew(batch_id)


def test_sums_of_digests_are_exact(company: SimpleNamespace, now: datetime, tmp_path: Path) -> None:
    batch = _receive(csv_file(tmp_path, ROWS, heading=TITLES), now)
    for digests in ([-(2**63), 2**63 - 1, -1, 0, 7], [2**63 - 1] * 5, [-(2**63)] * 5):
        with transaction():
            for one, said in zip(db.session.query(Interaction), digests, strict=True):
                one.said = said
        assert again._standing(batch.id) == [5, sum(digests)]  # noqa: SLF001
