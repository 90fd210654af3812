"""What the demo company sells: groups of goods, titles in three languages, prices in hryvnia."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class GoodsForms:
    """The plural of a group of goods: nominative, accusative, genitive."""

    nom: str
    acc: str
    gen: str


@dataclass(frozen=True)
class Goods:
    """One group of goods or services; `group` is its name in the accounting system."""

    key: str
    group: str
    unit_price: tuple[int, int]
    pieces: tuple[int, int]
    forms: dict[str, GoodsForms]
    titles: dict[str, tuple[str, ...]]
    counted: dict[str, str]


def _forms(ru: str, uk: str, en: str) -> dict[str, GoodsForms]:
    return {
        language: GoodsForms(*words.split("/"))
        for language, words in (("ru", ru), ("uk", uk), ("en", f"{en}/{en}/{en}"))
    }


_PIECES = {"ru": "{title}, {n} шт.", "uk": "{title}, {n} шт.", "en": "{title}, {n} pcs"}
_AREA = {"ru": "{title}, {n} м²", "uk": "{title}, {n} м²", "en": "{title}, {n} m²"}
_ALONE = {"ru": "{title}", "uk": "{title}", "en": "{title}"}

GOODS = (
    Goods(
        "channels",
        "Лотки водовідвідні",
        (390, 1450),
        (6, 60),
        _forms("лотки/лотки/лотков", "лотки/лотки/лотків", "channels"),
        {
            "ru": (
                "лоток водоотводный DN100",
                "лоток водоотводный DN150 бетонный",
                "лоток водоотводный узкий",
            ),
            "uk": (
                "лоток водовідвідний DN100",
                "лоток водовідвідний DN150 бетонний",
                "лоток водовідвідний вузький",
            ),
            "en": ("drainage channel DN100", "drainage channel DN150, concrete", "narrow drainage channel"),
        },
        _PIECES,
    ),
    Goods(
        "grates",
        "Решітки",
        (260, 2100),
        (4, 40),
        _forms("решётки/решётки/решёток", "решітки/решітки/решіток", "grates"),
        {
            "ru": ("решётка чугунная C250", "решётка стальная A15", "решётка композитная B125"),
            "uk": ("решітка чавунна C250", "решітка сталева A15", "решітка композитна B125"),
            "en": ("cast iron grate C250", "steel grate A15", "composite grate B125"),
        },
        _PIECES,
    ),
    Goods(
        "wells",
        "Дренажні колодязі",
        (1900, 7800),
        (1, 6),
        _forms("колодцы/колодцы/колодцев", "колодязі/колодязі/колодязів", "wells"),
        {
            "ru": ("дренажный колодец 315 мм", "дренажный колодец 400 мм с ревизией"),
            "uk": ("дренажний колодязь 315 мм", "дренажний колодязь 400 мм з ревізією"),
            "en": ("drainage well 315 mm", "drainage well 400 mm with inspection"),
        },
        _PIECES,
    ),
    Goods(
        "paving",
        "Тротуарна плитка",
        (420, 980),
        (20, 240),
        _forms("плиты/плиты/плит", "плити/плити/плит", "paving slabs"),
        {
            "ru": ("тротуарная плитка «Старый двор»", "тротуарная плитка 60 мм графит", "плиты террасные"),
            "uk": ("тротуарна плитка «Старий двір»", "тротуарна плитка 60 мм графіт", "плити терасні"),
            "en": ("paving stones, old yard", "paving stones 60 mm, graphite", "terrace slabs"),
        },
        _AREA,
    ),
    Goods(
        "kerbs",
        "Бордюри",
        (95, 340),
        (20, 160),
        _forms("бордюры/бордюры/бордюров", "бордюри/бордюри/бордюрів", "kerbs"),
        {
            "ru": ("бордюр садовый", "бордюр дорожный", "бордюр стальной ландшафтный"),
            "uk": ("бордюр садовий", "бордюр дорожній", "бордюр сталевий ландшафтний"),
            "en": ("garden kerb", "road kerb", "steel landscape edging"),
        },
        _PIECES,
    ),
    Goods(
        "pipes",
        "Дренажні труби",
        (65, 310),
        (25, 300),
        _forms("трубы/трубы/труб", "труби/труби/труб", "pipes"),
        {
            "ru": ("труба дренажная с геотекстилем 110 мм", "труба дренажная 160 мм"),
            "uk": ("труба дренажна з геотекстилем 110 мм", "труба дренажна 160 мм"),
            "en": ("drain pipe with geotextile 110 mm", "drain pipe 160 mm"),
        },
        {"ru": "{title}, {n} м", "uk": "{title}, {n} м", "en": "{title}, {n} m"},
    ),
    Goods(
        "gutters",
        "Ринви",
        (210, 760),
        (6, 50),
        _forms("желоба/желоба/желобов", "ринви/ринви/ринв", "gutters"),
        {
            "ru": ("жёлоб водосточный 125 мм", "жёлоб медный полукруглый"),
            "uk": ("ринва водостічна 125 мм", "ринва мідна напівкругла"),
            "en": ("roof gutter 125 mm", "half-round copper gutter"),
        },
        _PIECES,
    ),
    Goods(
        "hatches",
        "Люки та дощоприймачі",
        (680, 3900),
        (1, 12),
        _forms("люки/люки/люков", "люки/люки/люків", "manhole covers"),
        {
            "ru": ("дождеприёмник с корзиной", "люк под плитку", "люк чугунный D400"),
            "uk": ("дощоприймач із кошиком", "люк під плитку", "люк чавунний D400"),
            "en": ("rain inlet with basket", "recessed manhole cover", "cast iron manhole cover D400"),
        },
        _PIECES,
    ),
)

GOODS_WEIGHTS = (22, 16, 9, 20, 12, 9, 7, 5)

_SERVICE_FORMS = _forms("лотки/лотки/лотков", "лотки/лотки/лотків", "channels")
_PAVING_FORMS = _forms("плиты/плиты/плит", "плити/плити/плит", "paving slabs")

SERVICES = (
    Goods(
        "installation",
        "Монтаж",
        (9000, 68000),
        (1, 1),
        _SERVICE_FORMS,
        {
            "ru": ("монтаж линейного водоотвода", "устройство дренажа участка"),
            "uk": ("монтаж лінійного водовідведення", "облаштування дренажу ділянки"),
            "en": ("installation of a drainage line", "garden drainage works"),
        },
        _ALONE,
    ),
    Goods(
        "laying",
        "Мощення",
        (15000, 120000),
        (1, 1),
        _PAVING_FORMS,
        {
            "ru": ("мощение двора", "мощение дорожек и террасы"),
            "uk": ("мощення двору", "мощення доріжок і тераси"),
            "en": ("paving of the yard", "paving of paths and terrace"),
        },
        _ALONE,
    ),
    Goods(
        "survey",
        "Замір і проєкт",
        (1500, 9000),
        (1, 1),
        _SERVICE_FORMS,
        {
            "ru": ("выезд инженера и расчёт водоотвода", "проект ливневой канализации"),
            "uk": ("виїзд інженера та розрахунок водовідведення", "проєкт зливової каналізації"),
            "en": ("site survey and drainage calculation", "storm water design"),
        },
        _ALONE,
    ),
    Goods(
        "warranty",
        "Гарантійний виїзд",
        (0, 0),
        (1, 1),
        _SERVICE_FORMS,
        {
            "ru": ("гарантийный ремонт", "чистка и осмотр водоотвода"),
            "uk": ("гарантійний ремонт", "чищення та огляд водовідведення"),
            "en": ("warranty repair", "cleaning and inspection"),
        },
        _ALONE,
    ),
)

SERVICE_WEIGHTS = (40, 25, 22, 13)


@dataclass(frozen=True)
class Bought:
    """What one interaction was about; the amount is in hryvnia, None for a free visit."""

    goods: Goods
    title: str
    amount: int | None


def buy(chance: Random, *, language: str, service: bool, volume: float) -> Bought:
    """Something believable; `volume` scales the number of pieces (1.0 = a household)."""
    stock, weights = (SERVICES, SERVICE_WEIGHTS) if service else (GOODS, GOODS_WEIGHTS)
    goods = chance.choices(stock, weights)[0]
    pieces = max(1, round(chance.randint(*goods.pieces) * volume))
    amount = chance.randint(*goods.unit_price) * (1 if service else pieces)
    title = chance.choice(goods.titles[language])
    return Bought(goods, goods.counted[language].format(title=title, n=pieces), amount or None)
