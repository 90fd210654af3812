"""The texts a new survey starts with, in three languages; from then on they belong to its editors.

They are contents, not interface: they are copied into the survey and never change under a customer's eyes.
"""

from dataclasses import dataclass

from npsapp.surveys.rules import LETTER_PARTS, Kind, Question, Questionnaire, Texts

RECOMMEND_KEY = "recommend"
WHY_KEY = "why"
CONTACT_KEY = "contact"


@dataclass(frozen=True)
class _About:
    """How a touchpoint is spoken of: in the subject, on the page, after "one question about", in "because"."""

    subject: Texts
    naming: Texts
    question: Texts
    reason: Texts


# Names of goods stand in the nominative, as shops write them, so in Russian and Ukrainian they go in quotes
# and never have to follow a verb's case.
_PURCHASE = _About(
    subject={
        "en": "Your order[ of {date}]: one question",
        "ru": "Ваш заказ[ от {date}]: один вопрос",
        "uk": "Ваше замовлення[ від {date}]: одне запитання",
    },
    naming={
        "en": "Your purchase[ of {date}][, {place}][, {title}]",
        "ru": "Ваша покупка[ от {date}][, {place}][, {title}]",
        "uk": "Ваша покупка[ від {date}][, {place}][, {title}]",
    },
    question={
        "en": "One question about your purchase[ of {date}][, {place}][: {title}].",
        "ru": "Один вопрос о вашей покупке[ от {date}][, {place}][: {title}].",
        "uk": "Одне запитання про вашу покупку[ від {date}][, {place}][: {title}].",
    },
    reason={
        "en": "because you [bought {title}|made a purchase] from us[ on {date}]",
        "ru": "потому что[ {date}] [купили у нас «{title}»|сделали у нас покупку]",
        "uk": "бо[ {date}] [придбали в нас «{title}»|зробили в нас покупку]",
    },
)

_DELIVERY = _About(
    subject={
        "en": "Your delivery[ of {date}]: one question",
        "ru": "Доставка вашего заказа[ {date}]: один вопрос",
        "uk": "Доставка вашого замовлення[ {date}]: одне запитання",
    },
    naming={
        "en": "Your delivery[ of {date}][, {place}][, {title}]",
        "ru": "Доставка вашего заказа[ {date}][, {place}][, {title}]",
        "uk": "Доставка вашого замовлення[ {date}][, {place}][, {title}]",
    },
    question={
        "en": "One question about your delivery[ of {date}][, {place}][: {title}].",
        "ru": "Один вопрос о доставке вашего заказа[ {date}][, {place}][: {title}].",
        "uk": "Одне запитання про доставку вашого замовлення[ {date}][, {place}][: {title}].",
    },
    reason={
        "en": "because we delivered [{title}|your order] to you[ on {date}]",
        "ru": "потому что[ {date}] мы доставили вам [«{title}»|заказ]",
        "uk": "бо[ {date}] ми доставили вам [«{title}»|замовлення]",
    },
)

_SERVICE = _About(
    subject={
        "en": "Your service visit[ of {date}]: one question",
        "ru": "Ваше обращение в сервис[ {date}]: один вопрос",
        "uk": "Ваше звернення до сервісу[ {date}]: одне запитання",
    },
    naming={
        "en": "Your service visit[ of {date}][, {place}][, {title}]",
        "ru": "Ваше обращение в сервис[ {date}][, {place}][, {title}]",
        "uk": "Ваше звернення до сервісу[ {date}][, {place}][, {title}]",
    },
    question={
        "en": "One question about your service visit[ of {date}][, {place}][: {title}].",
        "ru": "Один вопрос о вашем обращении в сервис[ {date}][, {place}][: {title}].",
        "uk": "Одне запитання про ваше звернення до сервісу[ {date}][, {place}][: {title}].",
    },
    reason={
        "en": "because you turned to our service team[ on {date}][ ({title})]",
        "ru": "потому что[ {date}] обратились в наш сервис[ ({title})]",
        "uk": "бо[ {date}] звернулися до нашого сервісу[ ({title})]",
    },
)

_WAREHOUSE = _About(
    subject={
        "en": "Your pickup[ of {date}]: one question",
        "ru": "Получение заказа на складе[ {date}]: один вопрос",
        "uk": "Отримання замовлення на складі[ {date}]: одне запитання",
    },
    naming={
        "en": "Your warehouse pickup[ of {date}][, {place}][, {title}]",
        "ru": "Получение заказа на складе[ {date}][, {place}][, {title}]",
        "uk": "Отримання замовлення на складі[ {date}][, {place}][, {title}]",
    },
    question={
        "en": "One question about your warehouse pickup[ of {date}][, {place}][: {title}].",
        "ru": "Один вопрос о том, как вы получили заказ на складе[ {date}][, {place}][: {title}].",
        "uk": "Одне запитання про те, як ви отримали замовлення на складі[ {date}][, {place}][: {title}].",
    },
    reason={
        "en": "because you collected [{title}|your order] from our warehouse[ on {date}]",
        "ru": "потому что[ {date}] получили у нас на складе [«{title}»|заказ]",
        "uk": "бо[ {date}] отримали в нас на складі [«{title}»|замовлення]",
    },
)

_ANYTHING = _About(
    subject={
        "en": "Your visit to us[ on {date}]: one question",
        "ru": "Ваше обращение к нам[ {date}]: один вопрос",
        "uk": "Ваше звернення до нас[ {date}]: одне запитання",
    },
    naming={
        "en": "Your visit to us[ on {date}][, {place}][, {title}]",
        "ru": "Ваше обращение к нам[ {date}][, {place}][, {title}]",
        "uk": "Ваше звернення до нас[ {date}][, {place}][, {title}]",
    },
    question={
        "en": "One question about your visit to us[ on {date}][, {place}][: {title}].",
        "ru": "Один вопрос о вашем обращении к нам[ {date}][, {place}][: {title}].",
        "uk": "Одне запитання про ваше звернення до нас[ {date}][, {place}][: {title}].",
    },
    reason={
        "en": "because you turned to us[ on {date}][ ({title})]",
        "ru": "потому что[ {date}] обратились к нам[ ({title})]",
        "uk": "бо[ {date}] звернулися до нас[ ({title})]",
    },
)

_TOUCHPOINTS = {"purchase": _PURCHASE, "delivery": _DELIVERY, "service": _SERVICE, "warehouse": _WAREHOUSE}

_QUESTION = {
    "en": "How likely are you to recommend {company} to a friend or colleague?",
    "ru": "С какой вероятностью вы порекомендуете {company} друзьям или коллегам?",
    "uk": "Наскільки ймовірно, що ви порекомендуєте {company} друзям чи колегам?",
}
_LOW = {
    "en": "0 – would never recommend",
    "ru": "0 — ни за что не порекомендую",
    "uk": "0 — нізащо не порекомендую",
}
_HIGH = {
    "en": "10 – will tell everyone",
    "ru": "10 — обязательно расскажу всем",
    "uk": "10 — обов’язково розповім усім",
}
_WHY = {
    "detractor": {
        "en": "We are very sorry. What went wrong, and how can we put it right?",
        "ru": "Нам очень жаль. Что пошло не так и как нам это исправить?",
        "uk": "Нам дуже прикро. Що було не так і як нам це виправити?",
    },
    "passive": {
        "en": "What should we do to make it a ten next time?",
        "ru": "Что нам сделать, чтобы в следующий раз было десять?",
        "uk": "Що нам зробити, щоб наступного разу було десять?",
    },
    "promoter": {
        "en": "What did you like most?",
        "ru": "Что вам понравилось больше всего?",
        "uk": "Що вам сподобалося найбільше?",
    },
}
_CONTACT = {"en": "Please contact me", "ru": "Свяжитесь со мной", "uk": "Зв’яжіться зі мною"}
_NO_CALL = {"en": "No call needed", "ru": "Звонить не нужно", "uk": "Телефонувати не потрібно"}
_THANKS = {
    "en": "Thank you. Your answer has reached those responsible.",
    "ru": "Спасибо! Ваш ответ уже передан тем, кто за это отвечает.",
    "uk": "Дякуємо! Вашу відповідь уже передано тим, хто за це відповідає.",
}
_PROMISE = {
    "en": "You will be called within two working days.",
    "ru": "Вам позвонят в течение двух рабочих дней.",
    "uk": "Вам зателефонують протягом двох робочих днів.",
}
_GREETING = {
    "en": "Good day[, {name}].",
    "ru": "[{name}, здравствуйте|Здравствуйте].",
    "uk": "[{name}, добрий день|Добрий день].",
}
_BECAUSE = {
    "en": 'You received this letter {reason}. No more such letters: "Unsubscribe".',
    "ru": "Вы получили это письмо, {reason}. Не хотите таких писем — нажмите «Отписаться».",
    "uk": "Ви отримали цей лист, {reason}. Не хочете таких листів — натисніть «Відписатися».",
}


def default_questionnaire(touchpoint_key: str) -> Questionnaire:
    """The questionnaire a new survey starts with: the score, why, and the offer to be contacted."""
    about = _TOUCHPOINTS.get(touchpoint_key, _ANYTHING)
    questions = (
        Question(
            RECOMMEND_KEY,
            Kind.RECOMMEND,
            {"wording": dict(_QUESTION), "low": dict(_LOW), "high": dict(_HIGH)},
        ),
        Question(WHY_KEY, Kind.TEXT, {group: dict(texts) for group, texts in _WHY.items()}),
        Question(CONTACT_KEY, Kind.CONTACT, {"wording": dict(_CONTACT), "decline": dict(_NO_CALL)}),
    )
    around = {"naming": dict(about.naming), "promise": dict(_PROMISE)}
    around |= {f"thanks_{group}": dict(_THANKS) for group in _WHY}
    return Questionnaire(questions, around)


def default_letter(touchpoint_key: str) -> dict[str, Texts]:
    """The texts of the first letter: part → language → text."""
    about = _TOUCHPOINTS.get(touchpoint_key, _ANYTHING)
    before = {language: f"{_GREETING[language]} {text}" for language, text in about.question.items()}
    after = {
        language: _BECAUSE[language].replace("{reason}", text) for language, text in about.reason.items()
    }
    texts = (dict(about.subject), before, after)
    return dict(zip(LETTER_PARTS, texts, strict=True))


# What the preview fills in, so that an editor sees a real sentence.
SAMPLES: dict[str, dict[str, str]] = {
    "en": {"name": "Olena", "title": "drainage channel DN100, 12 pcs", "number": "48-1203", "place": "Odesa"},
    "ru": {
        "name": "Елена Ивановна",
        "title": "лоток водоотводный DN100, 12 шт.",
        "number": "48-1203",
        "place": "Одесса",
    },
    "uk": {
        "name": "Олено Іванівно",
        "title": "лоток водовідвідний DN100, 12 шт.",
        "number": "48-1203",
        "place": "Одеса",
    },
}
