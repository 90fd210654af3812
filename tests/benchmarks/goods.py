"""Files of invented purchases, the same for every run: a table, and orders as 1C writes them."""

import random
import zlib
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


_DOCUMENT = """\t\t<Документ>
\t\t\t<Ид>{id}-0000-11f0-8000-000000000001</Ид>
\t\t\t<НомерВерсии>AAAAAQAAAAA=</НомерВерсии>
\t\t\t<ПометкаУдаления>false</ПометкаУдаления>
\t\t\t<Номер1С>{number}</Номер1С>
\t\t\t<Дата1С>{at:%Y-%m-%d}</Дата1С>
\t\t\t<Время>{at:%H:%M:%S}</Время>
\t\t\t<ХозОперация>Заказ товара</ХозОперация>
\t\t\t<Контрагенты><Контрагент><Ид>{who}-bbbb-11f0-8000-000000000001</Ид><Наименование>{name}</Наименование>
\t\t\t\t<ПолноеНаименование>{name}</ПолноеНаименование><Роль>Покупатель</Роль><ИНН/><КПП/>
\t\t\t\t<АдресРегистрации><Представление>{region}, вул. Прикладна, буд. 1</Представление>
\t\t\t\t\t<АдресноеПоле><Тип>Регион</Тип><Значение>{region}</Значение></АдресноеПоле></АдресРегистрации>
\t\t\t\t<Контакты><Контакт><Тип>Телефон рабочий</Тип><Значение>{phone}</Значение></Контакт>
\t\t\t\t\t<Контакт><Тип>Электронная почта</Тип><Значение>{email}</Значение></Контакт></Контакты>
\t\t\t</Контрагент></Контрагенты>
\t\t\t<Склады><Склад><Ид>44444444-dddd-11f0-8000-000000000001</Ид><Наименование>{unit}</Наименование></Склад></Склады>
\t\t\t<Валюта>грн</Валюта><Курс>1</Курс><Сумма>{amount}</Сумма><Роль>Продавец</Роль><Комментарий/>
\t\t\t<Товары><Товар><Ид>55555555-eeee-11f0-8000-000000000001</Ид><Наименование>{title}</Наименование>
\t\t\t\t<БазоваяЕдиница>шт</БазоваяЕдиница><ЦенаЗаЕдиницу>{amount}</ЦенаЗаЕдиницу><Количество>1</Количество>
\t\t\t\t<Сумма>{amount}</Сумма><ЗначенияРеквизитов><ЗначениеРеквизита><Наименование>ВидНоменклатуры</Наименование>
\t\t\t\t<Значение>Товар</Значение></ЗначениеРеквизита></ЗначенияРеквизитов></Товар></Товары>
\t\t\t<ЗначенияРеквизитов>{said}</ЗначенияРеквизитов>
\t\t</Документ>
"""
_SAID = "<ЗначениеРеквизита><Наименование>{}</Наименование><Значение>{}</Значение></ЗначениеРеквизита>"


def write_documents(path: Path, *, documents: int) -> None:
    """Write orders as 1C sends them, about 2.6 kB each, with the purchases and customers of the table."""
    luck = random.Random(2026)
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<КоммерческаяИнформация ВерсияСхемы="3.1" ')
        file.write('xmlns="urn:1C.ru:commerceml_3" ДатаФормирования="2026-11-20T21:30:00">\n\t<Контейнер>\n')
        for order in range(documents):
            cells = dict(zip(HEADING.split(";"), _row(luck, order, documents), strict=True))
            said = {
                "Проведен": "true", "Отменен": "false", "Отгружен": "true", "Статус заказа": "[F] Закрыт",
                "Дата отгрузки по 1С": "2026-11-18", "Менеджер": cells["performer"].partition(": ")[2],
            }  # fmt: skip
            of_order = {
                "id": f"{order:08x}",
                "who": f"{zlib.crc32(cells['email'].encode()):08x}",
                "name": cells["customer_name"],
                "at": datetime.strptime(cells["happened_at"], "%d.%m.%Y %H:%M"),  # noqa: DTZ007 - as 1C writes it
                "amount": cells["amount"].replace(",", "."),
                "said": "".join(_SAID.format(*one) for one in said.items()),
            }
            file.write(_DOCUMENT.format(**cells | of_order))
        file.write("\t</Контейнер>\n</КоммерческаяИнформация>\n")


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
