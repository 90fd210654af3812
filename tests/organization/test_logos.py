"""Logos are taken from pictures only, bounded, and written anew."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from npsapp.organization import logos


def picture(kind: str, size: tuple[int, int] = (1000, 300), **more: object) -> BytesIO:
    written = BytesIO()
    Image.new("RGB", size, "#1F5FBF").save(written, kind, **more)
    written.seek(0)
    return written


def bomb() -> bytes:
    """A PNG of a few bytes that says it has a hundred million pixels."""
    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    chunks = (b"IHDR" + header, b"IDAT" + zlib.compress(b""))
    sized = (struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(sized)


@pytest.mark.parametrize("kind", logos.FORMATS)
def test_a_picture_becomes_a_small_png(kind: str) -> None:
    with Image.open(BytesIO(logos.recoded(picture(kind)))) as made:
        assert (made.format, made.size) == ("PNG", (480, 144))


def test_what_else_was_in_the_file_is_left_behind() -> None:
    secret = Image.Exif()
    secret[0x010E] = "taken at home"

    made = logos.recoded(picture("JPEG", exif=secret))

    assert b"taken at home" not in made


def test_the_quiet_parts_of_a_picture_stay_see_through() -> None:
    written = BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(written, "PNG")
    written.seek(0)

    with Image.open(BytesIO(logos.recoded(written))) as made:
        assert made.convert("RGBA").getpixel((5, 5))[3] == 0


@pytest.mark.parametrize(
    ("given", "wording"),
    [
        (b"", logos.LogoRefused.wording),
        (b"%PDF-1.7 not a picture", logos.LogoRefused.wording),
        (picture("PNG").getvalue()[:60], logos.LogoRefused.wording),
        (b'<?xml version="1.0"?><svg onload="alert(1)"></svg>', logos.VECTOR),
        (b"\x00" * (logos.MOST_BYTES + 1), logos.TOO_LARGE),
        (bomb(), logos.TOO_MANY_PIXELS),
        (picture("BMP").getvalue(), logos.LogoRefused.wording),
    ],
    ids=["empty", "document", "cut off", "drawing with a script", "too large", "bomb", "another kind"],
)
def test_anything_else_is_refused_in_words(given: bytes, wording: str) -> None:
    with pytest.raises(logos.LogoRefused) as refused:
        logos.recoded(BytesIO(given))

    assert refused.value.wording == wording


def test_a_logo_is_kept_under_a_name_that_says_what_it_contains(tmp_path: Path) -> None:
    folder = tmp_path / "logos"
    red, again = logos.recoded(picture("PNG")), logos.recoded(picture("PNG"))
    other = logos.recoded(picture("PNG", (10, 10)))

    names = {logos.keep(one, folder) for one in (red, again, other)}

    assert len(names) == 2
    assert {path.name for path in folder.iterdir()} == names
