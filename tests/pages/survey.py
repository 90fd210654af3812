"""The longest questionnaire and letter: questions of every kind, blocks of every kind, texts saved again and again."""

from datetime import datetime
from types import SimpleNamespace

from npsapp.audit.services import PROGRAM
from npsapp.delivery.rules import Channel
from npsapp.surveys import queries, services, texts
from npsapp.surveys.editing import ONCE
from npsapp.surveys.letters import Variant
from npsapp.surveys.rules import Kind, Option, Question, Questionnaire, Scale
from tests.pages.names import Speech

BLOCKS = """{name}

[picture: 0123456789abcdef0123.png | {title}]

[button: {name} | https://vodolad.example/order]

[scale]

---

{said:.300}"""


def asked_further(company: SimpleNamespace, now: datetime, speech: Speech) -> None:
    """A published questionnaire of one further question, a draft with one of each kind, letters saved often."""
    survey, who = company.survey, {"actor": PROGRAM, "now": now}
    more = further(speech)
    for questions in (more[:1], more):
        asked = Questionnaire.from_json(survey.newest.content)
        score, why, contact = (one for one in asked.questions if one.kind in ONCE)
        services.edit(
            survey.id,
            lambda old, all_of=(score, why, *questions, contact): Questionnaire(all_of, old.texts),  # type: ignore[misc]
            based_on=services.stamp(survey.newest),
            **who,
        )
        if len(questions) < len(more):
            services.publish(survey.id, **who)
    first = queries.letter(survey.id)
    for variant in (Variant.A, Variant.A, Variant.B):
        said = {**first, "subject": speech.everywhere("{title}"), "body": speech.everywhere(BLOCKS)}
        texts.write(survey.id, said, variant=variant, share=50 * (variant is Variant.B), **who)
    links = {"sms": speech.everywhere("{title} {{link}}")}
    texts.write(survey.id, links, step=2, channel=Channel.SMS, **who)


def further(speech: Speech) -> list[Question]:
    """One question of each kind with its scales."""
    ends = {"low": speech.everywhere("{word}"), "high": speech.everywhere("{name}")}
    asked = {"wording": speech.everywhere("{title}?")}
    options = tuple(Option(f"o{number}", speech.everywhere(f"{{title:.80}} {number}")) for number in range(4))
    kinds = (Scale.STARS, Kind.MANY, Scale.TEN, Kind.WORDS, Scale.FACES, Scale.FIVE, Kind.ONE)
    return [
        Question(
            f"q{number}",
            Kind.RATING if isinstance(kind, Scale) else kind,
            {**asked, **(ends if isinstance(kind, Scale) else {})},
            scale=kind if isinstance(kind, Scale) else None,
            options=options if kind in (Kind.ONE, Kind.MANY) else (),
        )
        for number, kind in enumerate(kinds)
    ]
