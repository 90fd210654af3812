"""The one stylesheet of a brand's survey page: the common rules, then the brand's colours."""

from npsapp.organization.rules import MIN_CONTRAST, ON_FILL, WHITE, Accent, contrast

DARK_PAPER = "#11161D"
# Okabe-Ito fills of the three groups with the text that can be read on them, design.md.
_GROUPS = ((1, 7, "#D55E00"), (8, 9, "#E69F00"), (10, 11, "#009E73"))
_FOCUS = "a:focus-visible,button:focus-visible,textarea:focus-visible,.check input:focus-visible"


def stylesheet(common: str, *, accent: Accent, group_colours: bool) -> str:
    """`common` (survey.css) followed by the rules of one brand; no custom properties, for old browsers."""
    light = _shade(accent.fill, on=WHITE, towards=ON_FILL)
    dark = _shade(accent.fill, on=DARK_PAPER, towards=WHITE)
    rules = [
        _colours(fill=accent.fill, text=accent.text, edge=light),
        "@media (prefers-color-scheme:dark){" + _colours(fill=dark, text=ON_FILL, edge=dark) + "}",
    ]
    return common + "".join(rules) + (_group_rules() if group_colours else "")


def _colours(*, fill: str, text: str, edge: str) -> str:
    return (
        f"a,.link{{color:{edge}}}"
        f".cell input:checked+span,.button{{border-color:{edge};background-color:{fill};color:{text}}}"
        f".check input{{accent-color:{edge}}}"
        f".cell input:focus+span,{_FOCUS}{{outline-color:{edge}}}"
    )


def _group_rules() -> str:
    """The chosen cell keeps its colour and gets a ring: colour alone never says what is chosen."""
    cells = "".join(
        f".groups .cell:nth-child(n+{first}):nth-child(-n+{last}) span{{background:{fill};color:{ON_FILL}}}"
        for first, last, fill in _GROUPS
    )
    ring = ".groups .cell input:checked+span{{box-shadow:0 0 0 2px {paper},0 0 0 5px {ink};text-decoration:underline}}"
    dark = ring.format(paper=DARK_PAPER, ink="#E8EDF3")
    return (
        cells + ring.format(paper=WHITE, ink="#1B2430") + "@media (prefers-color-scheme:dark){" + dark + "}"
    )


def _shade(colour: str, *, on: str, towards: str) -> str:
    """`colour`, moved towards another one until it can be read on `on`."""
    for tenth in range(11):
        mixed = _mixed(colour, towards, tenth / 10)
        if contrast(mixed, on) >= MIN_CONTRAST:
            return mixed
    return towards


def _mixed(one: str, other: str, share: float) -> str:
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)
