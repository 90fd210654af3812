"""What the words of a connection stand for: its regions, stores, employees and statuses in ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _, ngettext

from npsapp.audit.doors import me
from npsapp.cases import services as cases
from npsapp.db import transaction
from npsapp.i18n import language_now
from npsapp.intake import counts, mapping
from npsapp.intake.models import Source, SourceValue, ValueKind
from npsapp.intake.rules import DocumentState
from npsapp.invitations import policies
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import N_
from npsapp.office.blueprint import bp
from npsapp.office.connections import names_of, source_or_404
from npsapp.organization import queries as organization
from npsapp.organization.rules import fold
from npsapp.permissions import Permission
from npsapp.responses import services as responses
from npsapp.surveys import queries as surveys
from npsapp.web import listing
from npsapp.web.pages import done

IGNORE = "ignore"
FIELD_WORDS = {
    ValueKind.REGION: N_("is the region"),
    ValueKind.UNIT: N_("is the store or department"),
    ValueKind.TOUCHPOINT: N_("is the touchpoint"),
    ValueKind.SEGMENT: N_("is the segment"),
    ValueKind.PERFORMER: N_("is the employee"),
}
MOST_OPTIONS = 200
"""With more to choose from, a name is typed; as many are proposed."""
ALIKE = 3
"""Names are proposed whose words begin with as many letters as a word on the page."""


@dataclass(frozen=True)
class Choices:
    """What the words of one kind may stand for: value → words; typed where there are many."""

    options: dict[str, str]

    @property
    def typed(self) -> bool:
        """Whether a name is typed, as there are too many to choose from."""
        return len(self.options) > MOST_OPTIONS

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """Folded name → the values of that name."""
        found: dict[str, list[str]] = {}
        for value, name in self.options.items():
            found.setdefault(fold(name), []).append(value)
        return found

    def name(self, value: str) -> str:
        """What is typed for a value: its name, with its number where others have the same."""
        name = self.options.get(value, "")
        return f"{name} #{value}" if len(self.by_name.get(fold(name), ())) > 1 else name

    def meant(self, typed: str) -> tuple[str, str]:
        """The value of a typed name, or what is wrong with it."""
        name, _sign, number = typed.rpartition(" #")
        if number in self.options and fold(name) == fold(self.options[number]):
            return number, ""
        found = self.by_name.get(fold(typed), [] if fold(typed) else [""])
        if len(found) > 1:
            which = _(" or ").join(self.name(one) for one in found[:4])
            return "", _("Several have this name. Write which one: %(which)s.", which=which)
        return (found[0], "") if found else ("", _("There is nothing of this name here. Check how it is written."))

    def proposed(self, words: Sequence[str]) -> list[str]:
        """Names to pick from while typing: those that begin like the words on the page, then others."""
        begun = {part[:ALIKE] for word in words for part in fold(word).split()}
        alike = [one for one, name in self.options.items() if begun & {part[:ALIKE] for part in fold(name).split()}]
        both = dict.fromkeys(chain(alike[:MOST_OPTIONS], list(self.options)[:MOST_OPTIONS]))
        return [self.name(one) for one in list(both)[:MOST_OPTIONS]]


@dataclass
class Said:
    """What a page says about the words on it, and what is wrong with it: id of the word → text."""

    typed: dict[int, str] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)
    changes: list[tuple[SourceValue, str]] = field(default_factory=list)


@bp.page("/connections/<int:source_id>/words", Permission.ADMINISTER)
def connection_words(source_id: int) -> ResponseReturnValue:
    """Names of the other program, how often they came, and what they stand for here."""
    return _page(source_or_404(source_id), Said())


def _page(source: Source, said: Said) -> ResponseReturnValue:
    part = listing.window()
    page = listing.page(counts.values(source.id, limit=part.limit, offset=part.offset), part)
    groups = [(kind, [one for one in page.items if one.kind is kind]) for kind in ValueKind]
    answer = render_template(
        "office/connections/words.html",
        source=source,
        groups=[(kind, rows, _choices(source, kind)) for kind, rows in groups if rows],
        page=page,
        said=said,
        stands_for=_stands_for,
    )
    return answer, 422 if said.faults else 200


def _choices(source: Source, kind: ValueKind) -> Choices:
    """What a word of a kind may stand for."""
    if kind is ValueKind.STATUS:
        return Choices({state.value: _(state.label) for state in DocumentState})
    if kind is ValueKind.PROPERTY:
        fields = {one.value: _(words) for one, words in FIELD_WORDS.items()}
        return Choices({**fields, IGNORE: _("is of no use")})
    if kind is ValueKind.TOUCHPOINT:
        return Choices({str(id_): name for id_, name in names_of(surveys.touchpoints(source.brand.pool_id))})
    return Choices({str(id_): name for id_, name in organization.choices(kind.value, language_now())})


@bp.deed("/connections/<int:source_id>/words", Permission.ADMINISTER)
def connection_say(source_id: int) -> ResponseReturnValue:
    """Say what words stand for; purchases that came with them before are repaired. One fault, and nothing is saved."""
    source, repaired = source_or_404(source_id), 0
    said = _read(source, request.form)
    if said.faults:
        return _page(source, said)
    for value, meaning in said.changes:
        with transaction():
            ids = mapping.say(value.id, **_meant(value.kind, meaning), actor=me(), now=utcnow())
            policies.follow_purchases(ids)
            responses.follow_purchases(ids)
            cases.follow_purchases(ids, now=utcnow())
        repaired += len(ids)
    words = ngettext("Saved. %(num)s purchase was repaired.", "Saved. %(num)s purchases were repaired.", repaired)
    return done(words, ".connection_words", source_id=source_id)


def _read(source: Source, form: Mapping[str, str]) -> Said:
    said, choices = Said(), {kind: _choices(source, kind) for kind in ValueKind}
    for value in counts.values(source.id):
        offered, stood = choices[value.kind], _stands_for(value)
        before, chosen = stood if stood in offered.options else "", form.get(f"value-{value.id}")
        if (typed := form.get(f"name-{value.id}")) is not None:
            said.typed[value.id] = typed
            chosen, fault = offered.meant(typed)
            said.faults |= {value.id: fault} if fault else {}
        if chosen is not None and chosen != before and (not chosen or chosen in offered.options):
            said.changes.append((value, chosen))
    return said


def _stands_for(value: SourceValue) -> str:
    """What a word stands for, as its selection holds it."""
    return value.meaning or str(value.target_id or "")


def _meant(kind: ValueKind, said: str) -> dict[str, Any]:
    if kind in (ValueKind.STATUS, ValueKind.PROPERTY):
        return {"meaning": said}
    return {"target_id": int(said) if said else None}
