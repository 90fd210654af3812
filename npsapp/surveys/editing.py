"""Changing the questions of a questionnaire: pure steps of the editor, and what is wrong with the whole."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_
from npsapp.surveys.rules import (
    HAS_OPTIONS,
    LANGUAGES,
    LOOK,
    OPTION,
    Fault,
    Kind,
    Option,
    Question,
    Questionnaire,
    faults,
)

MOST_QUESTIONS = 15
MOST_OPTIONS = 20
ONCE = (Kind.RECOMMEND, Kind.TEXT, Kind.CONTACT)  # kinds of which a survey has at most one question

# Wordings of what can be wrong with the questions of a survey.
RECOMMENDATIONS = N_("A survey has exactly one recommendation question.")
RECOMMENDATION_FIRST = N_("The recommendation question stands first.")
TWICE = N_("There can be only one question of this kind.")
CONTACT_LAST = N_("The offer to be contacted stands last.")
TOO_MANY = N_("This is more than a customer answers: at most %(detail)s.")
NO_OPTIONS = N_("This question needs at least two options.")
SAME_OPTION = N_("Two options read the same.")
SAME_KEY = N_("Two questions or options have the same key.")
NO_SCALE = N_("A rating needs a scale.")
ABSENT = N_("The condition names a question or an answer that is not there any more.")
LATER = N_("The condition names a question that comes later. Move this question below it.")


class NoSuchStep(Refused):
    """The page asks for a change that cannot be made to these questions."""

    wording = N_("This change is not possible here.")


def all_faults(questionnaire: Questionnaire, languages: Sequence[str] = LANGUAGES) -> list[Fault]:
    """What stands in the way of publishing: faults of single texts, then of the questions among each other."""
    return [*faults(questionnaire.fields(), languages), *structure_faults(questionnaire)]


def structure_faults(questionnaire: Questionnaire) -> list[Fault]:
    """What is wrong with order, options and conditions; `part` is "when", an option's, or empty for the question."""
    questions = questionnaire.questions
    found = list(_order_faults(questions))
    if len(questions) > MOST_QUESTIONS:
        found.append(Fault(questions[-1].key, "", "", TOO_MANY, str(MOST_QUESTIONS)))
    for place, question in enumerate(questions):
        found += _option_faults(question)
        found += _condition_faults(question, questions[:place], questions[place:])
        if (question.kind is Kind.RATING) != bool(question.scale):
            found.append(Fault(question.key, "", "", NO_SCALE))
        if question.key in {one.key for one in questions[:place]}:
            found.append(Fault(question.key, "", "", SAME_KEY))
    return found


def _order_faults(questions: Sequence[Question]) -> Iterator[Fault]:
    kinds = [question.kind for question in questions]
    if kinds.count(Kind.RECOMMEND) != 1:
        yield Fault(next((one.key for one in questions if one.kind is Kind.RECOMMEND), ""), "", "", RECOMMENDATIONS)
    elif kinds[0] is not Kind.RECOMMEND:
        yield Fault(questions[kinds.index(Kind.RECOMMEND)].key, "", "", RECOMMENDATION_FIRST)
    for kind in (Kind.TEXT, Kind.CONTACT):
        if kinds.count(kind) > 1:
            yield Fault([one.key for one in questions if one.kind is kind][1], "", "", TWICE)
    if Kind.CONTACT in kinds[:-1] and kinds.count(Kind.CONTACT) == 1:
        yield Fault(questions[kinds.index(Kind.CONTACT)].key, "", "", CONTACT_LAST)


def _option_faults(question: Question) -> Iterator[Fault]:
    if question.kind in HAS_OPTIONS and len(question.options) < 2:
        yield Fault(question.key, "", "", NO_OPTIONS)
    if len(question.options) > MOST_OPTIONS:
        yield Fault(question.key, "", "", TOO_MANY, str(MOST_OPTIONS))
    if len({option.key for option in question.options}) < len(question.options):
        yield Fault(question.key, "", "", SAME_KEY)
    seen = set()
    for option in question.options:
        for language, text in option.texts.items():
            folded = (language, " ".join(text.split()).casefold())
            if folded[1] and folded in seen:
                yield Fault(question.key, f"{OPTION}{option.key}", language, SAME_OPTION)
            seen.add(folded)


def _condition_faults(question: Question, before: Sequence[Question], after: Sequence[Question]) -> Iterator[Fault]:
    later, earlier = (
        {f"{one.spoken_of}:{value}" for one in some for value in one.values()} for some in (after, before)
    )
    for one in question.when:
        if one not in earlier:
            yield Fault(question.key, "when", "", LATER if one in later else ABSENT)
            return


# ---- steps of the editor: each gives new questions -------------------------------------------------------------


def add(questionnaire: Questionnaire, question: Question) -> Questionnaire:
    """With one more question at the end, but before the offer to be contacted."""
    questions = list(questionnaire.questions)
    if question.kind in ONCE and questionnaire.question(question.kind) or len(questions) >= MOST_QUESTIONS:
        raise NoSuchStep
    last = questions and questions[-1].kind is Kind.CONTACT
    questions.insert(len(questions) - bool(last), question)
    return replace(questionnaire, questions=tuple(questions))


def remove(questionnaire: Questionnaire, key: str) -> Questionnaire:
    """Without a question; its answers so far stay where they are. The recommendation stays."""
    _one(questionnaire, key, movable=True)
    return replace(questionnaire, questions=tuple(one for one in questionnaire.questions if one.key != key))


def move(questionnaire: Questionnaire, key: str, by: int) -> Questionnaire:
    """With a question one place further up (-1) or down (1); the recommendation stays first, the contact last."""
    questions = list(questionnaire.questions)
    place = questions.index(_one(questionnaire, key, movable=True))
    there = place + by
    if not 0 < there < len(questions) or Kind.CONTACT in (questions[place].kind, questions[there].kind):
        raise NoSuchStep
    questions[place], questions[there] = questions[there], questions[place]
    return replace(questionnaire, questions=tuple(questions))


def add_option(questionnaire: Questionnaire, key: str, option_key: str) -> Questionnaire:
    """With one more option, still without words."""
    question = _one(questionnaire, key)
    if question.kind not in HAS_OPTIONS or len(question.options) >= MOST_OPTIONS:
        raise NoSuchStep
    return with_question(questionnaire, replace(question, options=(*question.options, Option(option_key, {}))))


def remove_option(questionnaire: Questionnaire, key: str, option_key: str) -> Questionnaire:
    """Without an option; answers that chose it keep it."""
    question = _one(questionnaire, key)
    left = tuple(option for option in question.options if option.key != option_key)
    return with_question(questionnaire, replace(question, options=left))


def with_question(questionnaire: Questionnaire, question: Question) -> Questionnaire:
    """With this question in the place of the one with its key."""
    exchanged = tuple(question if one.key == question.key else one for one in questionnaire.questions)
    return replace(questionnaire, questions=exchanged)


def _one(questionnaire: Questionnaire, key: str, *, movable: bool = False) -> Question:
    question = questionnaire.by_key(key)
    if question is None or (movable and question.kind is Kind.RECOMMEND):
        raise NoSuchStep
    return question


def new_key(stem: str, used: Collection[str]) -> str:
    """`rating1`, `rating2` …: the first that no version of the survey has ever had."""
    number = 1
    while f"{stem}{number}" in used:
        number += 1
    return f"{stem}{number}"


Step = Callable[[Questionnaire], Questionnaire]


def step(deed: str, used: Collection[str], made: Callable[[str, str], Question]) -> Step:
    """What the editor's button of that name does: `up:KEY`, `add:KIND`, `drop:KEY:OPTION` …

    :param used: keys of questions and options that were ever given; new ones get others.
    :param made: makes a question of a kind or scale with that key.
    :raise NoSuchStep: when there is no such button.
    """
    name, _colon, rest = deed.partition(":")
    key, _colon, option = rest.partition(":")
    steps: dict[str, Step] = {
        "keep": lambda questions: questions,
        "add": lambda questions: add(questions, made(key, new_key(key, used))),
        "up": lambda questions: move(questions, key, -1),
        "down": lambda questions: move(questions, key, 1),
        "remove": lambda questions: remove(questions, key),
        "option": lambda questions: add_option(questions, key, new_key("option", used)),
        "drop": lambda questions: remove_option(questions, key, option),
    }
    if name not in steps:
        raise NoSuchStep
    return steps[name]


def changed(before: Questionnaire, after: Questionnaire) -> list[str]:
    """Names of what differs, for the audit: "key.part.language", "key" for what else was changed about a question."""
    old = {(key, part): texts for key, part, texts in before.fields()}
    names = [
        f"{key}.{part}.{language}"
        for key, part, texts in after.fields()
        for language in sorted({*texts, *old.get((key, part), {})})
        if texts.get(language, "") != old.get((key, part), {}).get(language, "")
    ]
    shapes = {one.key: _shape(one) for one in before.questions}
    names += [one.key for one in after.questions if shapes.get(one.key) != _shape(one)]
    names += sorted(shapes.keys() - {one.key for one in after.questions})
    names += [name for name in LOOK if getattr(before, name) != getattr(after, name)]
    moved = [one.key for one in before.questions] != [one.key for one in after.questions]
    return [*names, "order"] if moved and not names else names


def _shape(question: Question) -> tuple[object, ...]:
    keys = tuple(option.key for option in question.options)
    return question.required, question.scale, keys, question.when, question.details
