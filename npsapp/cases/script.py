"""The script of a recovery call: what to say, in the customer's language, and what to mind, step by step."""

from dataclasses import dataclass
from enum import StrEnum

from npsapp.lib.texts import N_

FALLBACK_LANGUAGE = "en"


class ScriptStep(StrEnum):
    """The steps of the call in the order in which they are taken."""

    GREET = "greet"
    REASON = "reason"
    RETURN = "return"
    PROMISE = "promise"
    REPAIR = "repair"
    INVITE = "invite"


@dataclass(frozen=True)
class Spoken:
    """A sentence, and how it goes with the name: nobody is addressed by an empty one."""

    plain: str
    named: str = ""

    def to(self, name: str) -> str:
        """The sentence for this way of addressing the customer."""
        return self.named.replace("{name}", name) if name and self.named else self.plain


@dataclass(frozen=True)
class ScriptLine:
    """One step of the call: a heading, what to say (may be empty) and what to mind."""

    step: ScriptStep
    heading: str
    say: str
    mind: str


# Spoken to the customer, hence in the customer's language and not in that of the page. In Ukrainian the
# name is in the vocative: `address_as` holds it in that form.
_SPOKEN: dict[ScriptStep, dict[str, Spoken]] = {
    ScriptStep.GREET: {
        "en": Spoken("Good day. How are you?", "Good day, {name}. How are you?"),
        "ru": Spoken("Здравствуйте! Как у вас дела?", "{name}, здравствуйте! Как у вас дела?"),
        "uk": Spoken("Добрий день! Як ваші справи?", "{name}, добрий день! Як ваші справи?"),
    },
    ScriptStep.REASON: {
        "en": Spoken(
            "Thank you for the frank answer. I am calling about it myself: it is my job to put this right."
        ),
        "ru": Spoken("Спасибо за откровенный ответ. Я звоню по нему лично: исправить это — моя задача."),
        "uk": Spoken(
            "Дякую за відверту відповідь. Я телефоную щодо неї особисто: виправити це — моє завдання."
        ),
    },
    ScriptStep.RETURN: {
        "en": Spoken(
            "Tell me, what has to be done so that we can go on working together?",
            "Tell me, {name}, what has to be done so that we can go on working together?",
        ),
        "ru": Spoken(
            "Подскажите, что необходимо сделать, чтобы мы могли продолжить наше сотрудничество?",
            "Подскажите, {name}, что необходимо сделать, чтобы мы могли продолжить наше сотрудничество?",
        ),
        "uk": Spoken(
            "Підкажіть, що потрібно зробити, щоб ми могли співпрацювати далі?",
            "Підкажіть, {name}, що потрібно зробити, щоб ми могли співпрацювати далі?",
        ),
    },
    ScriptStep.PROMISE: {
        "en": Spoken("This is what I will do, and this is the day by which you will hear from me."),
        "ru": Spoken("Вот что я сделаю, и вот день, до которого я вам перезвоню."),
        "uk": Spoken("Ось що я зроблю, і ось день, до якого я вам зателефоную."),
    },
    ScriptStep.INVITE: {
        "en": Spoken(
            "This has been done. We would be glad to work with you again.",
            "{name}, this has been done. We would be glad to work with you again.",
        ),
        "ru": Spoken(
            "Это сделано. Будем рады снова с вами работать.",
            "{name}, это сделано. Будем рады снова с вами работать.",
        ),
        "uk": Spoken(
            "Це зроблено. Будемо раді знову з вами працювати.",
            "{name}, це зроблено. Будемо раді знову з вами працювати.",
        ),
    },
}

_HEADINGS = {
    ScriptStep.GREET: N_("Greet"),
    ScriptStep.REASON: N_("Say why you call"),
    ScriptStep.RETURN: N_("Ask what has to be done"),
    ScriptStep.PROMISE: N_("Say what you will do and by when"),
    ScriptStep.REPAIR: N_("Put it right"),
    ScriptStep.INVITE: N_("Call again and invite back"),
}

_TO_MIND = {
    ScriptStep.GREET: N_("Let the customer answer before you go on."),
    ScriptStep.REASON: N_("Name the purchase. Do not ask for a better score in this call."),
    ScriptStep.RETURN: N_("Listen, do not argue, write the words down."),
    ScriptStep.PROMISE: N_("Promise only what you can keep, and write down the date."),
    ScriptStep.REPAIR: N_("Do the work on the mistake and record its cause. Only then call again."),
    ScriptStep.INVITE: N_("Only after the promise has been kept."),
}

CALL_IN_PERSON = N_("This is a key customer: the head of the region calls in person.")


def script(language: str, address_as: str) -> list[ScriptLine]:
    """The call in steps; `say` is in `language` (English when we do not speak it), headings are untranslated.

    `address_as` is the way to address the customer in that language, empty for a sentence without a name.
    """
    return [
        ScriptLine(step, _HEADINGS[step], _say(step, language, address_as.strip()), _TO_MIND[step])
        for step in ScriptStep
    ]


def _say(step: ScriptStep, language: str, name: str) -> str:
    wordings = _SPOKEN.get(step)
    if wordings is None:
        return ""
    return wordings.get(language, wordings[FALLBACK_LANGUAGE]).to(name)
