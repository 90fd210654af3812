"""Words in cells that mean one of a few things, in three languages: yes, a currency, a role, a state."""

import re

_YES = frozenset(
    ("yes", "y", "true", "1", "+", "x", "v", "on", "ok", "agreed", "да", "д", "истина", "есть", "согласен",
     "согласна", "так", "т", "істина", "є", "згоден", "згодна", "✓", "✔", "☑")
)  # fmt: skip
_NO = frozenset(
    ("no", "n", "false", "0", "-", "–", "—", "off", "нет", "н", "ложь", "отказ", "не", "ні", "хибність",
     "відмова", "✗", "✘", "☐")
)  # fmt: skip

_LANGUAGES = (
    ("uk", ("uk", "ua", "ukr", "укр", "українська", "украинский", "ukrainian")),
    ("ru", ("ru", "rus", "рус", "рос", "російська", "русский", "russian")),
    ("en", ("en", "eng", "анг", "англ", "англійська", "английский", "english")),
)

_CURRENCIES = {
    "UAH": ("uah", "грн", "гривня", "гривна", "гривень", "гривен", "₴", "980"),
    "RUB": ("rub", "rur", "руб", "рубль", "рублей", "р", "₽", "643", "810"),
    "USD": ("usd", "$", "доллар", "долар", "дол", "долл", "840"),
    "EUR": ("eur", "€", "евро", "євро", "978"),
    "PLN": ("pln", "zł", "zl", "злотий", "злотый", "985"),
    "KZT": ("kzt", "тг", "тенге", "₸", "398"),
    "BYN": ("byn", "933"),
    "MDL": ("mdl", "лей", "498"),
    "GBP": ("gbp", "£", "826"),
    "GEL": ("gel", "₾", "981"),
}
_CURRENCY_OF = {word: code for code, words in _CURRENCIES.items() for word in words}

# Both "отменён" and "отменен" arrive with е; a part that came back changes the amount, not the purchase.
_TAKEN_BACK = re.compile(
    r"отмен|отказ|анулир|аннулир|удален|возврат|возвращен|сторно|скасов|відмін|анульов|видален|повернен|поверн|"
    r"cancel|void|refund|returned|deleted"
)
_NOT_TAKEN_BACK = re.compile(r"част|partial|(?:^|\s)(?:не|без|not|no)\s|uncancel|восстан|відновл")

_ROLES = {
    "seller": ("seller", "salesperson", "продавец", "продавець", "консультант", "кассир", "касир", "cashier"),
    "courier": ("courier", "driver", "курьер", "кур'єр", "кур’єр", "курєр", "водитель", "водій"),
    "assembler": ("assembler", "fitter", "сборщик", "збирач", "монтажник"),
    "operator": ("operator", "оператор"),
    "manager": ("manager", "менеджер", "ответственный", "відповідальний"),
}
_ROLE_OF = {word: role for role, words in _ROLES.items() for word in words}

# One card of a shop system stands for thousands of retail buyers: it is nobody (intake.md 3.3).
_NOBODY = re.compile(
    r"(?:розничн\w* покупател\w*|роздрібн\w* покупе\w*|частн\w* лиц\w*|приватн\w* особ\w*|физ\.? ?лицо|"
    r"фізособа|кінцев\w* спожива\w*|конечн\w* покупател\w*|покупатель(?: через интернет-магазин)?|"
    r"покупець|гость|гість|<>|-+|аноним\w*|анонім\w*|retail (?:customer|buyer)|walk-in(?: customer)?|"
    r"guest|anonymous)"
)


def yes_or_no(text: str) -> bool | None:
    """True, False, or None when the text says neither."""
    word = text.strip().casefold().rstrip(".")
    return True if word in _YES else False if word in _NO else None


def language(text: str) -> str | None:
    """One of our three languages, or None: an unknown language is the same as none."""
    word = text.strip().casefold().replace("_", "-").split("-")[0].rstrip(".")
    return next((code for code, words in _LANGUAGES if word in words), None)


def currency(text: str) -> str | None:
    """The ISO 4217 code a cell means, or None when it means none."""
    word = text.strip().casefold().rstrip(".")
    if word in _CURRENCY_OF:
        return _CURRENCY_OF[word]
    return word.upper() if re.fullmatch(r"[a-z]{3}", word) else None


def taken_back(status: str) -> bool:
    """Whether the state of an order says that it was cancelled or returned as a whole."""
    word = " ".join(status.casefold().replace("ё", "е").split())
    return bool(_TAKEN_BACK.search(word)) and not _NOT_TAKEN_BACK.search(word)


def role(text: str) -> str:
    """The stable word for a role, or the text itself in lower case: roles are free."""
    word = " ".join(text.casefold().split())
    return _ROLE_OF.get(word, word)[:40]


def performers(cell: str) -> list[tuple[str, str]]:
    """(role, name) of `Name` or `seller: Name; courier: Name`; the role may be empty."""
    found = []
    for part in re.split(r"[;\n]", cell):
        before, colon, after = part.partition(":")
        kind, name = (role(before), after) if colon else ("", before)
        if name := " ".join(name.split())[:160]:
            found.append((kind, name))
    return list(dict.fromkeys(found))[:8]


def nobody(name: str) -> bool:
    """Whether a customer's name says that the customer is not known."""
    return bool(_NOBODY.fullmatch(" ".join(name.casefold().split())))
