"""Files of purchases whose counts are known beforehand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

HEADING = "external_id;happened_at;email;phone;consent_sms;unit;region;performer;amount;customer_name"
REPEATED = 40
WRONG = 20


@dataclass(frozen=True)
class Purchases:
    """A file, and what a run without any trouble makes of it."""

    path: Path
    rows: int
    letters: int
    """Customers with an e-mail address, and a mobile phone too."""
    texts: int
    """Customers with a mobile phone alone, so that they are asked by SMS."""

    @property
    def counts(self) -> dict[str, int]:
        """One row in `WRONG` has no date; `REPEATED` rows come again with another amount, as many unchanged."""
        fresh = self.rows - WRONG - 2 * REPEATED
        return {"accepted": fresh, "updated": REPEATED, "unchanged": REPEATED, "rejected": WRONG}


def purchases(folder: Path, number: int, *, rows: int, letters: int, texts: int) -> Purchases:
    """The first customers can be asked; the others left no address. Everything happened yesterday."""
    name = f"file{number}"
    day = (datetime.now(ZoneInfo("Europe/Kyiv")) - timedelta(days=1)).strftime("%d.%m.%Y %H:%M")

    def line(row: int, *, at: str = day, amount: int | None = None) -> str:
        email = f"{name}-{row}@shop.example" if row < letters else ""
        phone = f"+38067{number:02}{row:05};так" if row < letters + texts else ";"
        unit, region = ("Лівий берег", "Київ") if row % 2 else ("Порт", "Одеса")
        if row % 11 == 0:
            unit = region = ""
        what = f"{unit};{region};Продавець {row % 7};{row if amount is None else amount},50"
        return f"{name}-{row};{at};{email};{phone};{what};Покупець {row}"

    fresh = rows - WRONG - 2 * REPEATED
    lines = [line(row) for row in range(fresh)]
    lines += [line(row, amount=row + 1000) for row in range(REPEATED)]
    lines += [line(row) for row in range(REPEATED, 2 * REPEATED)]
    lines += [line(fresh + row, at="позавчора") for row in range(WRONG)]
    path = folder / f"{name}.csv"
    path.write_text("\r\n".join([HEADING, *lines, ""]), encoding="utf-8")
    return Purchases(path, rows, letters, texts)
