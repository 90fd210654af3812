"""Files of purchases whose counts are known beforehand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

HEADING = "external_id;happened_at;email;unit;region;performer;amount;customer_name"
REPEATED = 40
WRONG = 20


@dataclass(frozen=True)
class Purchases:
    """A file, and what a run without any trouble makes of it."""

    path: Path
    rows: int
    letters: int
    """Customers with an address."""

    @property
    def counts(self) -> dict[str, int]:
        """One row in `WRONG` has no date; `REPEATED` rows come again with another amount, as many unchanged."""
        fresh = self.rows - WRONG - 2 * REPEATED
        return {"accepted": fresh, "updated": REPEATED, "unchanged": REPEATED, "rejected": WRONG}


def purchases(folder: Path, name: str, *, rows: int, letters: int) -> Purchases:
    """The first `letters` customers can be asked; the others left no address. Everything happened yesterday."""
    day = (datetime.now(ZoneInfo("Europe/Kyiv")) - timedelta(days=1)).strftime("%d.%m.%Y %H:%M")

    def line(number: int, *, at: str = day, amount: int | None = None) -> str:
        email = f"{name}-{number}@shop.example" if number < letters else ""
        unit, region = ("Лівий берег", "Київ") if number % 2 else ("Порт", "Одеса")
        if number % 11 == 0:
            unit = region = ""
        what = f"{unit};{region};Продавець {number % 7};{number if amount is None else amount},50"
        return f"{name}-{number};{at};{email};{what};Покупець {number}"

    fresh = rows - WRONG - 2 * REPEATED
    lines = [line(number) for number in range(fresh)]
    lines += [line(number, amount=number + 1000) for number in range(REPEATED)]
    lines += [line(number) for number in range(REPEATED, 2 * REPEATED)]
    lines += [line(fresh + number, at="позавчора") for number in range(WRONG)]
    path = folder / f"{name}.csv"
    path.write_text("\r\n".join([HEADING, *lines, ""]), encoding="utf-8")
    return Purchases(path, rows, letters)
