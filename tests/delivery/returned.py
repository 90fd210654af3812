"""Letters that came back, as servers and people write them (tests/data/returned), filled for one of our letters."""

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "data" / "returned"
NAMES = sorted(path.stem for path in FOLDER.glob("*.eml"))


def letter(name: str, *, mark: str = "", message_id: str = "<nobody@vodolad.example>") -> bytes:
    """A letter of the folder about the one with this token and Message-ID; without a token that of another key."""
    raw = (FOLDER / f"{name}.eml").read_bytes()
    return raw.replace(b"@MARK@", (mark or "1.aaaaaaaa").encode()).replace(b"@ID@", message_id.encode())
