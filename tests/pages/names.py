"""How long names get: words of three languages at the lengths people make them, and short ones beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle

LANGUAGES = ("en", "ru", "uk")
EMAIL = "oleksandra.kostyantynivna.dobrovolska@voznesensk-vodo.example"


@dataclass(frozen=True)
class Words:
    """What rows say: a name of 60 letters, a thing of 120, one word of 34 or more that nothing breaks, a comment."""

    name: str
    title: str
    word: str
    said: str


SHORT = Words("Олена", "лоток", "x", "Тріснув.")
ENGLISH = Words(
    "Alexandra-Wilhelmina Featherstonehaugh-Cholmondeley-Worsley M",
    "Heavyweight honeycombed cast-iron grating, corrosion-resistant to countermeasures, in a set with DN 100, 12 pc",
    "Immunoelectrochemiluminescencemetry",
    "Heavyweight grating came broken, immunoelectrochemiluminescencemetry first; we called thrice and nobody answered. "
    * 6,
)
RUSSIAN = Words(
    "Александра-Валентина Константиновна Добровольская-Вознесенска",
    "Решётка водоприёмная чугунная ячеистая высоконагруженная антикоррозионнозащищённая, комплект DN 100, 12 шт",
    "дезоксирибонуклеопротеидосодержащи",
    "Решётка водоприёмная ячеистая пришла разбитой, дезоксирибонуклеопротеидосодержащими осколками; звонили трижды. "
    * 6,
)
UKRAINIAN = Words(
    "Олександра-Валентина Костянтинівна Добровольська-Вознесенська",
    "Решітка водоприймальна чавунна високонавантажена щонайпротикорозійнозахищеніша, комплект DN 100, 12 шт",
    "чотирьохсотп’ятдесятидев’ятимільйонний",
    "Решітка водоприймальна надійшла розбитою, чотирьохсотп’ятдесятидев’ятимільйонними уламками; дзвонили тричі. " * 6,
)


@dataclass(frozen=True)
class Speech:
    """Whose words the rows are made of: each row speaks the next language, texts for customers all of them."""

    words: Mapping[str, Words]
    turns: "cycle[Words]" = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", cycle(self.words.values()))

    def next(self) -> Words:
        """The words of the next row."""
        return next(self.turns)

    def everywhere(self, text: str) -> dict[str, str]:
        """A text with `{name}`, `{title}`, `{word}` in it, in every language."""
        return {language: text.format(**vars(words)) for language, words in self.words.items()}


def short() -> Speech:
    return Speech(dict.fromkeys(LANGUAGES, SHORT))


def longest() -> Speech:
    return Speech({"en": ENGLISH, "ru": RUSSIAN, "uk": UKRAINIAN})
