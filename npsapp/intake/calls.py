"""What calls of other programs mean: the records they bring, read over a portal or by the places people wrote down."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from npsapp.intake import amocrm, bitrix24, connections, received, webhook
from npsapp.intake.models import Source, SourceKind
from npsapp.intake.portals import Ids, NotAbout, Trouble
from npsapp.intake.received import Outcome, Taken
from npsapp.intake.webhook import Record
from npsapp.lib.refusals import Refused, broken_at
from npsapp.lib.texts import N_

log = logging.getLogger(__name__)
BROKEN = "reading what came in (%d): %s"


class Portal(Protocol):
    """A CRM in the net: which deals a call is about, and reading them."""

    def wanted(self, tree: Any) -> Ids: ...

    def records(self, ids: Sequence[int]) -> Mapping[int, Record]: ...

    def changed(self, since: datetime) -> Iterator[tuple[list[Record], datetime]]: ...


PORTALS: dict[SourceKind, Callable[[Mapping[str, str], Mapping[str, str], Mapping[str, str]], Portal]] = {
    SourceKind.BITRIX24: bitrix24.Portal,
    SourceKind.AMOCRM: amocrm.Portal,
}


class NoPlaces(Refused):
    """Nobody has said yet what the body of a webhook means."""

    wording = N_("Say first where our fields stand in what this program sends. Then work it through again.")


class Fault(Refused):
    """Something nobody thought of; the log has its place."""

    wording = N_("This could not be read because of a fault in this program.")


class NotThere(Refused):
    """The portal has no such deal, or does not show it to us."""

    wording = N_("The portal does not show this deal: it was deleted, or the access we were given does not include it.")


@dataclass
class Found:
    """Records that calls brought, and which of them (from 0) each call brought, by the id of its body."""

    records: list[Record] = field(default_factory=list)
    of: dict[int, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reader:
    """How the calls of a connection are read; `stages` is a digest of what the portal's stages mean."""

    source_id: int
    portal: Portal | None
    places: Mapping[str, str]
    items: str
    stages: str

    def read(self, taken: Sequence[Taken], outcome: Outcome) -> Found:
        """What calls bring; what could not be read is in the outcome with its reason. May need the network."""
        if self.portal:
            return self._over(self.portal, taken, outcome)
        found = Found()
        for one in taken:
            if (records := _attempt(outcome, one, self._by_places)) is not None:
                found.of[one.id] = list(range(len(found.records), len(found.records) + len(records)))
                found.records += records
        return found

    def _by_places(self, one: Taken) -> list[Record]:
        """The records of a body; what says no date happened when it came."""
        if not self.places:
            raise NoPlaces()
        came = {"happened_at": one.at.isoformat(timespec="seconds")} if "happened_at" not in self.places else {}
        return [came | record for record in webhook.records(_tree(one), self.places, items=self.items)]

    def _over(self, portal: Portal, taken: Sequence[Taken], outcome: Outcome) -> Found:
        """The deals that calls are about, each read once."""
        tried = {one: _attempt(outcome, one, lambda one: portal.wanted(_tree(one))) for one in taken}
        wanted = {one: ids for one, ids in tried.items() if ids}
        try:
            records = portal.records(list(dict.fromkeys(id_ for ids in wanted.values() for id_ in ids.read)))
        except Trouble as trouble:
            if trouble.wait is None:
                outcome.failed |= {one.id: trouble for one in wanted}
            else:
                outcome.again = dict.fromkeys(wanted, (trouble, trouble.wait))
            return Found()
        except Exception as error:
            log.error(BROKEN, self.source_id, broken_at(error))
            outcome.failed |= {one.id: Fault() for one in wanted}
            return Found()
        return self._shared_out(dict(records), wanted, outcome)

    def _shared_out(self, records: dict[int, Record], wanted: Mapping[Taken, Ids], outcome: Outcome) -> Found:
        """Which call brought which deal; deals that were deleted over there are cancelled here."""
        gone = {id_ for ids in wanted.values() for id_ in ids.deleted} - set(records)
        records |= received.deleted(self.source_id, gone)
        at = {id_: number for number, id_ in enumerate(records)}
        found = Found(list(records.values()))
        for one, ids in wanted.items():
            if all(id_ in at for id_ in ids.read):
                found.of[one.id] = [at[id_] for id_ in (*ids.read, *ids.deleted) if id_ in at]
            else:
                outcome.failed[one.id] = NotThere()
        return found


def reader_of(source: Source, **tried: Any) -> Reader:
    """The reader of a connection, with its own places and items or others that are tried.

    :raise portals.BadAddress: when the address of its portal cannot be used.
    """
    settings, meant = source.settings | tried, received.meanings(source.id)
    places = settings.get("places", {})
    portal = PORTALS[source.kind](connections.opened(source), places, meant) if source.kind in PORTALS else None
    return Reader(source.id, portal, places, settings.get("items", ""), received.stages_digest(meant))


def test(source: Source) -> tuple[str, dict[str, Any]]:
    """Ask the portal of a connection for a deal: what to tell the person. Needs the network.

    :raise Refused: when it does not answer, or does not let us in.
    """
    portal = reader_of(source).portal
    if portal:
        portal.records([1])
    return N_("The portal answers and lets us read its deals."), {}


def _attempt(outcome: Outcome, one: Taken, deed: Callable[[Taken], Any]) -> Any:
    """What a deed makes of a body; None when it could not, the reason is in the outcome."""
    try:
        return deed(one)
    except NotAbout:
        outcome.ignored.append(one.id)
    except Refused as refusal:
        outcome.failed[one.id] = refusal
    except Exception as error:
        log.error(BROKEN, one.id, broken_at(error))
        outcome.failed[one.id] = Fault()
    return None


def _tree(one: Taken) -> Any:
    return webhook.tree(one.body, one.content_type)
