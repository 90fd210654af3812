"""Logos: read with suspicion, written anew as small PNG files whose names are hashes of their content."""

import importlib
import os
import warnings
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_

MOST_BYTES = 2 * 1024 * 1024
MOST_PIXELS = 25_000_000  # 5,000 by 5,000: decoded, that is 100 MB
SHOWN = (480, 160)  # four times as large as it is shown, for sharp screens
IN_LETTERS = (960, 960)  # twice as wide as a picture in a letter
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
FOLDER = "logos"


class LogoRefused(Refused):
    """The file cannot serve as a logo."""

    wording = N_("This file is not a picture the program can read. Save the logo as PNG, JPEG, WebP or GIF.")


TOO_LARGE = N_("The picture is larger than 2 MB. Save a smaller one: 480 pixels wide is enough.")
TOO_MANY_PIXELS = N_("The picture is too large: at most 25 million pixels. 480 pixels wide is enough.")
VECTOR = N_("SVG files may carry scripts and are not taken. Open the logo in a drawing program and export it as PNG.")


def recoded(stream: IO[bytes], *, shown: tuple[int, int] = SHOWN) -> bytes:
    """The picture as a PNG of at most so many pixels, without whatever else was in the file.

    :raise LogoRefused: when it is too large, no picture, or of another kind.
    """
    given = stream.read(MOST_BYTES + 1)
    if len(given) > MOST_BYTES:
        raise LogoRefused(TOO_LARGE)
    if b"<svg" in given[:4096].lower():
        raise LogoRefused(VECTOR)
    images = importlib.import_module("PIL.Image")  # loaded here: 2 MB for what is done once a year
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged metadata is not our business: it is left behind
            return _small(images, given, shown)
    except (OSError, ValueError, SyntaxError, EOFError, images.DecompressionBombError) as error:
        raise LogoRefused() from error


def _small(images: Any, given: bytes, shown: tuple[int, int]) -> bytes:
    with images.open(BytesIO(given), formats=FORMATS) as picture:  # reads the header only
        if picture.width * picture.height > MOST_PIXELS:
            raise LogoRefused(TOO_MANY_PIXELS)
        upright = importlib.import_module("PIL.ImageOps").exif_transpose(picture).convert("RGBA")
    upright.thumbnail(shown)
    written = BytesIO()
    upright.save(written, "PNG", optimize=True)
    return written.getvalue()


def keep(picture: bytes, folder: Path) -> str:
    """Write the file and give its name. Old ones stay: letters already sent show them."""
    name = f"{sha256(picture).hexdigest()[:20]}.png"
    folder.mkdir(mode=0o700, exist_ok=True)
    fresh = folder / f"{name}.{os.getpid()}"
    fresh.write_bytes(picture)
    fresh.replace(folder / name)
    return name
