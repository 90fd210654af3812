"""The demo company on the map: regions, stores, warehouses, who works there and how well."""

from dataclasses import dataclass
from random import Random

from npsapp.demo import people

BRAND = {"ru": "Дренолад", "uk": "Дренолад", "en": "Drenolad"}
"""An invented name; no firm is meant."""

ZONE = "Europe/Kyiv"


@dataclass(frozen=True)
class Region:
    """One of six; `share` of all interactions, `russian` share of customers who write in Russian."""

    key: str
    names: dict[str, str]
    share: float
    russian: float


@dataclass(frozen=True)
class Unit:
    """A store or warehouse; `weight` inside its region, `quality` moves the share of promoters."""

    key: str
    region: str
    warehouse: bool
    names: dict[str, str]
    weight: float
    quality: float


@dataclass(frozen=True)
class Performer:
    """Somebody who sells, carries, assembles or calculates."""

    key: str
    name: str
    unit: str
    role: str
    quality: float


def _named(ru: str, uk: str, en: str) -> dict[str, str]:
    return {"ru": ru, "uk": uk, "en": en}


REGIONS = (
    Region("kyiv", _named("Киев", "Київ", "Kyiv"), 0.32, 0.48),
    Region("lviv", _named("Львов", "Львів", "Lviv"), 0.15, 0.06),
    Region("odesa", _named("Одесса", "Одеса", "Odesa"), 0.17, 0.68),
    Region("dnipro", _named("Днепр", "Дніпро", "Dnipro"), 0.15, 0.58),
    Region("kharkiv", _named("Харьков", "Харків", "Kharkiv"), 0.12, 0.70),
    Region("vinnytsia", _named("Винница", "Вінниця", "Vinnytsia"), 0.09, 0.22),
)

WORSE_STORE = "odesa-tairova"
"""Changed its manager and got worse in the last months: enough answers to be sure."""

LUCKY_STORE = "vinnytsia-zamostia"
"""New and small: its few answers look splendid, and prove nothing."""

# key, region, Russian, Ukrainian, English, weight, quality
_STORES = """
kyiv-teremky|kyiv|Киев, Теремки|Київ, Теремки|Kyiv, Teremky|3.0|0.05
kyiv-livyi|kyiv|Киев, Левый берег|Київ, Лівий берег|Kyiv, Left Bank|2.6|-0.05
kyiv-obolon|kyiv|Киев, Оболонь|Київ, Оболонь|Kyiv, Obolon|2.0|0.15
kyiv-sviatoshyn|kyiv|Киев, Святошин|Київ, Святошин|Kyiv, Sviatoshyn|1.6|0.0
kyiv-brovary|kyiv|Бровары|Бровари|Brovary|1.2|-0.1
lviv-sykhiv|lviv|Львов, Сихов|Львів, Сихів|Lviv, Sykhiv|2.2|0.2
lviv-riasne|lviv|Львов, Рясное|Львів, Рясне|Lviv, Riasne|1.4|0.1
lviv-stryi|lviv|Стрый|Стрий|Stryi|0.8|0.0
odesa-tairova|odesa|Одесса, Таирова|Одеса, Таїрова|Odesa, Tairova|6.0|0.1
odesa-peresyp|odesa|Одесса, Пересыпь|Одеса, Пересип|Odesa, Peresyp|1.6|0.0
odesa-chornomorsk|odesa|Черноморск|Чорноморськ|Chornomorsk|1.0|0.1
dnipro-peremoha|dnipro|Днепр, Победа|Дніпро, Перемога|Dnipro, Peremoha|2.2|0.0
dnipro-parus|dnipro|Днепр, Парус|Дніпро, Парус|Dnipro, Parus|1.5|-0.15
dnipro-kamianske|dnipro|Каменское|Кам’янське|Kamianske|1.0|0.05
kharkiv-saltivka|kharkiv|Харьков, Салтовка|Харків, Салтівка|Kharkiv, Saltivka|2.0|0.1
kharkiv-oleksiivka|kharkiv|Харьков, Алексеевка|Харків, Олексіївка|Kharkiv, Oleksiivka|1.5|-0.05
vinnytsia-vyshenka|vinnytsia|Винница, Вишенка|Вінниця, Вишенька|Vinnytsia, Vyshenka|2.0|0.05
vinnytsia-zamostia|vinnytsia|Винница, Замостье|Вінниця, Замостя|Vinnytsia, Zamostia|0.35|0.0
""".strip().splitlines()


def _store(line: str) -> Unit:
    key, region, ru, uk, en, weight, quality = line.split("|")
    return Unit(key, region, False, _named(ru, uk, en), float(weight), float(quality))


def _depot(region: Region) -> Unit:
    names = {
        "ru": f"{region.names['ru']}, склад",
        "uk": f"{region.names['uk']}, склад",
        "en": f"{region.names['en']}, warehouse",
    }
    return Unit(f"{region.key}-depot", region.key, True, names, 1.0, -0.1)


UNITS = tuple(_store(line) for line in _STORES) + tuple(_depot(region) for region in REGIONS)

# How many of each work where: sellers by weight of the store, crews by region.
_SELLERS = {"kyiv-teremky": 3, "kyiv-livyi": 2, "kyiv-obolon": 2, "odesa-tairova": 3, "lviv-sykhiv": 2}
_SELLERS |= {"dnipro-peremoha": 2, "kharkiv-saltivka": 2}
_COURIERS = {"kyiv": 4, "lviv": 2, "odesa": 2, "dnipro": 2, "kharkiv": 1, "vinnytsia": 1}
_ASSEMBLERS = {"kyiv": 4, "lviv": 2, "odesa": 2, "dnipro": 2, "kharkiv": 1, "vinnytsia": 1}
_ENGINEERS = {"kyiv": 3, "lviv": 2, "odesa": 1, "dnipro": 1, "kharkiv": 1, "vinnytsia": 1}

PERFORMERS_COUNT = 60

SEGMENTS = {
    "retail": _named("Розница", "Роздріб", "Retail"),
    "contractors": _named("Строители", "Будівельники", "Contractors"),
    "design": _named("Проектные организации", "Проєктні організації", "Design offices"),
}

TOUCHPOINTS = {
    "purchase": _named("Покупка", "Покупка", "Purchase"),
    "delivery": _named("Доставка", "Доставка", "Delivery"),
    "service": _named("Монтаж и сервис", "Монтаж і сервіс", "Installation and service"),
    "warehouse": _named("Самовывоз со склада", "Самовивіз зі складу", "Pick-up at the warehouse"),
}


def performers(chance: Random) -> tuple[Performer, ...]:
    """The sixty colleagues, each with an own name and an own hand for customers."""
    posts = [
        (unit.key, "seller") for unit in UNITS if not unit.warehouse for _ in range(_SELLERS.get(unit.key, 1))
    ]
    for region in REGIONS:
        store = next(unit.key for unit in UNITS if unit.region == region.key)
        posts += [(f"{region.key}-depot", "courier")] * _COURIERS[region.key]
        posts += [(store, "assembler")] * _ASSEMBLERS[region.key]
        posts += [(store, "engineer")] * _ENGINEERS[region.key]
    names: set[str] = set()
    while len(names) < len(posts):
        names.add(people.performer(chance))
    called = sorted(names)
    chance.shuffle(called)
    return tuple(
        Performer(f"{role}-{number}", name, unit, role, chance.gauss(0, 0.18))
        for number, (name, (unit, role)) in enumerate(zip(called, posts, strict=True), start=1)
    )
