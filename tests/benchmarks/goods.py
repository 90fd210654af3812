"""A file of invented purchases, the same for every run."""

import random
from datetime import datetime, timedelta
from pathlib import Path

HEADING = "external_id;number;happened_at;customer_name;email;phone;region;unit;segment;performer;title;amount;currency"
_FAMILIES = [
    "Шевченко",
    "Коваленко",
    "Бондаренко",
    "Ткаченко",
    "Кравченко",
    "Олійник",
    "Мельник",
    "Поліщук",
    "Савченко",
    "Лисенко",
]
_FIRST = {"Олена": "Іванівна", "Андрій": "Петрович", "Ірина": "Миколаївна", "Василь": "Олегович", "Ганна": "Юріївна"}
_TITLES = ("лоток водовідвідний", "решітка чавунна", "люк полімерний", "труба дренажна 110", "желоб пластиковый")
_DAY = datetime(2026, 11, 18, 18)  # noqa: DTZ001 - written into a file, without a zone as shops write it


def write(path: Path, rows: int) -> None:
    """Write `rows` purchases of about 0.7 × `rows` customers as shops' programs do: 13 columns, UTF-8, semicolons."""
    luck = random.Random(2026)
    with path.open("w", encoding="utf-8", newline="\r\n") as file:
        file.write(HEADING + "\n")
        for number in range(rows):
            file.write(";".join(_row(luck, number, rows)) + "\n")


def _row(luck: random.Random, number: int, rows: int) -> tuple[str, ...]:
    who = luck.randrange(rows)
    first = luck.choice(list(_FIRST))
    at = _DAY - timedelta(minutes=luck.randrange(60 * 24 * 10))
    return (
        f"P-{number:07d}",
        f"БУ00-{number:06d}",
        f"{at:%d.%m.%Y %H:%M}",
        f"{_FAMILIES[who % len(_FAMILIES)]} {first} {_FIRST[first]}",
        f"{'buyer' if who % 3 else 'o.shop-'}{who}@{('example.com', 'mail.example.org', 'shop.example.net')[who % 3]}",
        f"+38067{who:07d}" if who % 2 else f"(050) {who // 10000:03d}-{who // 100 % 100:02d}-{who % 100:02d}",
        luck.choice(("Kyiv", "Одеса", "Київ")),
        f"Магазин {luck.randrange(60)}",
        luck.choice(("Роздріб", "Опт", "Монтажники")),
        f"seller: Продавець {luck.randrange(200)}",
        f"{luck.choice(_TITLES)} {luck.randrange(500)} мм",
        f"{luck.randrange(100, 90_000)},{luck.randrange(100):02d}",
        "грн.",
    )
