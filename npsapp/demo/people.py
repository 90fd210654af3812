"""Invented people and firms: names in three languages, forms of address, addresses nobody has."""

from dataclasses import dataclass
from random import Random


def _list(text: str) -> list[str]:
    return text.split()


# Spelling in Ukrainian, in Russian, and the Ukrainian vocative.
_MEN = tuple(
    entry.split("/")
    for entry in _list("""
Андрій/Андрей/Андрію Олександр/Александр/Олександре Сергій/Сергей/Сергію Іван/Иван/Іване Микола/Николай/Миколо
Василь/Василий/Василю Петро/Пётр/Петре Юрій/Юрий/Юрію Тарас/Тарас/Тарасе Богдан/Богдан/Богдане
Дмитро/Дмитрий/Дмитре Максим/Максим/Максиме Віталій/Виталий/Віталію Роман/Роман/Романе Ігор/Игорь/Ігоре
Павло/Павел/Павле Артем/Артём/Артеме Євген/Евгений/Євгене Степан/Степан/Степане Григорій/Григорий/Григорію
Антон/Антон/Антоне Денис/Денис/Денисе""")
)
_WOMEN = tuple(
    entry.split("/")
    for entry in _list("""
Олена/Елена/Олено Оксана/Оксана/Оксано Наталія/Наталья/Наталіє Ірина/Ирина/Ірино Тетяна/Татьяна/Тетяно
Світлана/Светлана/Світлано Людмила/Людмила/Людмило Ганна/Анна/Ганно Марія/Мария/Маріє
Катерина/Екатерина/Катерино Юлія/Юлия/Юліє Вікторія/Виктория/Вікторіє Галина/Галина/Галино
Надія/Надежда/Надіє Лариса/Лариса/Ларисо Аліна/Алина/Аліно Дарина/Дарина/Дарино
Валентина/Валентина/Валентино Софія/София/Софіє Інна/Инна/Інно Зоя/Зоя/Зоє Леся/Леся/Лесю""")
)
# Son's and daughter's form in Ukrainian, then in Russian.
_FATHERS = tuple(
    entry.split("/")
    for entry in _list("""
Іванович/Іванівна/Иванович/Ивановна Петрович/Петрівна/Петрович/Петровна
Миколайович/Миколаївна/Николаевич/Николаевна Васильович/Василівна/Васильевич/Васильевна
Олександрович/Олександрівна/Александрович/Александровна Сергійович/Сергіївна/Сергеевич/Сергеевна
Андрійович/Андріївна/Андреевич/Андреевна Юрійович/Юріївна/Юрьевич/Юрьевна
Володимирович/Володимирівна/Владимирович/Владимировна Вікторович/Вікторівна/Викторович/Викторовна
Михайлович/Михайлівна/Михайлович/Михайловна Павлович/Павлівна/Павлович/Павловна
Григорович/Григорівна/Григорьевич/Григорьевна Степанович/Степанівна/Степанович/Степановна
Анатолійович/Анатоліївна/Анатольевич/Анатольевна Богданович/Богданівна/Богданович/Богдановна""")
)
# Surnames with one form for men and women; made from trees, birds and weather.
_SURNAMES = _list("""
Вербенко Калиниченко Яворчук Смеречук Барвінченко Горобчук Журавчук Криниченко Луговчук Мохненко Полинчук
Ромашенко Тополенко Чебренко Шипшинчук Грушенко Сливчук Терненко Хмельчук Рястенко Бузинчук Вишненко Дубровчук
Житенко Зимчук Квашенко Липчук Медунчук Нагорнюк Озерчук Перепелюк Рожчук Сосенчук Таланчук Хвиленко Цвітенко
Черемшук Щавленко Яблунчук Пролісенко Гайченко Дощенко Завірюк Іскренко Кленчук Ожинюк Оленчук Світличенко
Степчук Туманюк Багатенко Деркачук Камінчук Левадюк Малинчук Мостенко Росинчук Садовенко Стежчук Струмчук
Толокнюк Хутірчук Чагарнюк Шелестюк Ясенчук Бджоленко Вітрюк Годинюк Дзвонюк Зозуленко Кошиченко Лелеченко
Мережук Папороченко Скибенко Тихоненко Хортенко Берестюк Горішенко Дрімлюк Капустенко""")
_ENGLISH_FIRST = _list("Martin Clara Hugh Irene Colin Edith Rupert Nora Alan Judith Simon Helen")
_ENGLISH_LAST = _list("Ashdown Whitlow Penmarsh Corby Larkfield Overton Saltley Quince Marlowe Wetherby")

_FIRM_HEADS = _list("Бруко Дворо Стежо Терасо Каміне Лугово Крино Росо Садо Явіро Плито Клено")
_FIRM_TAILS = _list("лад край світ май дар вал стиль план квіт граф")
_FIRM_REACH = ("", "", " Захід", " Південь", " Центр", " Схід", " Плюс")
_FORMS = {
    "contractors": {"uk": ("ТОВ «{}»", "ПП «{}»", "БК «{}»"), "ru": ("ООО «{}»", "ЧП «{}»", "СК «{}»")},
    "design": {
        "uk": ("Проєктне бюро «{}»", "Майстерня ландшафту «{}»", "ТОВ «{} проєкт»"),
        "ru": ("Проектное бюро «{}»", "Мастерская ландшафта «{}»", "ООО «{} проект»"),
    },
}

_LATIN = dict(
    zip(
        "абвгґдежзиіїйклмнопрстуфхцчшщьюяє",
        _list("a b v h g d e zh z y i i i k l m n o p r s t u f kh ts ch sh shch _ iu ia ie"),
        strict=True,
    )
) | {"ь": "", "’": "", "ы": "y", "э": "e", "ё": "e", "ъ": ""}
_LATIN_FIRST = {"й": "y", "ю": "yu", "я": "ya", "є": "ye", "ї": "yi"}
_TO_RUSSIAN = str.maketrans({"і": "и", "І": "И", "ї": "и", "є": "е", "Є": "Е", "ґ": "г", "’": ""})

MAIL_DOMAINS = ("example.com", "example.org", "example.net")
"""Reserved for examples (RFC 2606): a letter to them reaches nobody."""

MOBILE_CODES = ("50", "63", "66", "67", "68", "73", "93", "95", "96", "97", "98", "99")
"""Codes of mobile networks; all numbers of the demo continue with 000, which no network hands out."""


@dataclass(frozen=True)
class Name:
    """A person's name as written in a letter's head and as spoken to; None = address without a name."""

    full: str
    address_as: str | None


def latin(text: str) -> str:
    """One Ukrainian word in the official romanisation of 2010, lower case."""
    word = text.lower()
    return _LATIN_FIRST.get(word[:1], _LATIN.get(word[:1], word[:1])) + "".join(
        _LATIN.get(letter, letter) for letter in word[1:]
    )


def person(chance: Random, language: str) -> Name:
    """Somebody invented; Ukrainians are addressed in the vocative, Russians by name and patronymic."""
    if language == "en":
        first = chance.choice(_ENGLISH_FIRST)
        return Name(f"{first} {chance.choice(_ENGLISH_LAST)}", first)
    man = chance.random() < 0.55
    uk, ru, vocative = chance.choice(_MEN if man else _WOMEN)
    son_uk, daughter_uk, son_ru, daughter_ru = chance.choice(_FATHERS)
    surname = chance.choice(_SURNAMES)
    formal = chance.random() < 0.7
    if language == "ru":
        father = son_ru if man else daughter_ru
        full = f"{surname.translate(_TO_RUSSIAN)} {ru}"
        return Name(f"{full} {father}", f"{ru} {father}") if formal else Name(full, ru)
    father = son_uk if man else daughter_uk
    called = f"{father}у" if man else f"{father[:-1]}о"
    full = f"{surname} {uk}"
    return Name(f"{full} {father}", f"{vocative} {called}") if formal else Name(full, vocative)


def firm(chance: Random, language: str, segment: str) -> Name:
    """An invented firm or sole trader; firms are never addressed by name."""
    spoken = "uk" if language == "en" else language
    if segment == "contractors" and chance.random() < 0.4:
        surname, first = person(chance, spoken).full.split()[:2]
        prefix = "ФЛП" if spoken == "ru" else "ФОП"
        return Name(f"{prefix} {surname} {first[0]}. {chance.choice('АВГІМОПС')}.", None)
    word = chance.choice(_FIRM_HEADS) + chance.choice(_FIRM_TAILS) + chance.choice(_FIRM_REACH)
    if spoken == "ru":
        word = (
            word.translate(_TO_RUSSIAN)
            .replace("Пивдень", "Юг")
            .replace("Захид", "Запад")
            .replace("Схид", "Восток")
        )
    full = chance.choice(_FORMS[segment][spoken]).format(word)
    return Name(full, None)


def performer(chance: Random) -> str:
    """A colleague's name, Ukrainian, first name first."""
    return " ".join(reversed(person(chance, "uk").full.split()[:2]))


class AddressBook:
    """Hands out e-mail addresses and phone numbers, none of them twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._number = len(MOBILE_CODES)

    def email(self, chance: Random, name: str) -> str:
        """A new address at one of `MAIL_DOMAINS`."""
        quoted = name.partition("«")[2].partition("»")[0]
        words = [word for word in (latin(part) for part in (quoted or name).split()) if word.isalpha()]
        local = ".".join(words[:2]) or "office"
        while True:
            year = chance.choice(("", str(chance.randint(1, 999)), str(chance.randint(1962, 2004))))
            address = f"{local}{year}@{chance.choice(MAIL_DOMAINS)}"
            if address not in self._taken:
                self._taken.add(address)
                return address

    def phone(self) -> str:
        """A new number, +380 CC 000 xx xx."""
        code = MOBILE_CODES[self._number % len(MOBILE_CODES)]
        tail = self._number // len(MOBILE_CODES)
        self._number += 1
        # 7919 and 10000 have no common divisor: the tails look mixed and never repeat.
        return f"+380{code}000{tail * 7919 % 10_000:04d}"
