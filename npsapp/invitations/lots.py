"""Which of two texts a message gets: the lot falls when it is composed, and stays."""

from collections.abc import Mapping, Sequence

from npsapp.invitations.models import InvitationStep
from npsapp.lib.tokens import keyed
from npsapp.surveys import queries as surveys
from npsapp.surveys.letters import Variant
from npsapp.surveys.rules import Texts


def draw(step: InvitationStep, survey_id: int, keys: Sequence[str]) -> Mapping[str, Texts]:
    """What this step says: part → language → text. The step remembers its text, and against which one it was drawn.

    A step that already has a text, as a test has, keeps it.
    """
    if step.words_id:
        return surveys.words_rows([step.words_id])[step.words_id].texts
    found = surveys.words(survey_id, step.number, step.channel)
    if not found:
        return {}
    mine = Variant.A
    if Variant.B in found and lot(keys[0], found[Variant.B].id, step.invitation_id) < found[Variant.B].share:
        mine = Variant.B
    other = found.get(Variant.B if mine is Variant.A else Variant.A)
    step.words_id, step.against_id = found[mine].id, other.id if other else None
    return found[mine].texts


def lot(key: str, comparison_id: int, invitation_id: int) -> int:
    """0 to 99, the same for an invitation as often as one asks; every comparison has lots of its own."""
    drawn = keyed(key, "text", f"{comparison_id}:{invitation_id}")
    return int(drawn[:12], 16) * 100 >> 48
