"""Tables in text files: delimited text in any usual encoding is read row by row, CSV is written safely."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_

Cell = str | float | bool | date | datetime | time | timedelta | None
Row = tuple[int, Sequence[Cell]]
"""Line number as a person counts (from 1, the line on which the row begins) and the cells."""

MEGABYTE = 1024 * 1024
DELIMITERS = (";", "\t", ",", "|")
SAMPLE_BYTES = 256 * 1024
MOST_LINES_PER_ROW = 50  # a cell with more line breaks is a quotation mark that was never closed
CYRILLIC_1251 = bytes((0xA8, 0xB8, 0xAA, 0xBA, 0xAF, 0xBF, 0xB2, 0xB3, 0xA5, 0xB4, *range(0xC0, 0x100)))
CYRILLIC_866 = bytes((*range(0x80, 0xB0), *range(0xE0, 0xF8)))


@dataclass(frozen=True)
class Limits:
    """What a file may cost: bytes on disk and unpacked, unpacked to packed, counts, characters of a cell."""

    file_bytes: int = 40 * MEGABYTE
    unpacked_bytes: int = 300 * MEGABYTE
    ratio: int = 200
    entries: int = 2_000
    rows: int = 1_000_000
    columns: int = 300
    grid_cells: int = 10_000_000  # a workbook's area is kept in memory as a whole, about 32 bytes a cell


LIMITS = Limits()


class FileRefused(Refused):
    """A file nothing can be read from; the wording says what is wrong, where, and what helps."""

    code = "file_refused"
    wording = N_("This file cannot be read as a table.")


def refuse_size(line: int, rows: int, columns: int, limits: Limits) -> None:
    """Refuse a table with too many rows or columns; `line` is where that was seen."""
    if rows > limits.rows:
        raise FileRefused(
            N_("The file has more than %(most)d rows. Split it into parts."),
            code="too_many_rows",
            most=limits.rows,
        )
    if columns > limits.columns:
        raise FileRefused(
            N_("Line %(line)d has %(columns)d columns; at most %(most)d are read."),
            code="too_many_columns",
            line=line,
            columns=columns,
            most=limits.columns,
        )


def is_workbook(path: Path, limits: Limits = LIMITS) -> bool:
    """Whether the content (not the name) is a workbook; False means text. Refuses what can be neither."""
    size = path.stat().st_size
    if size == 0:
        raise FileRefused(N_("The file is empty."), code="empty_file")
    if size > limits.file_bytes:
        raise FileRefused(
            N_("The file has %(size)d MB; at most %(most)d MB are read. Split it into parts."),
            code="file_too_large",
            size=-(-size // MEGABYTE),
            most=limits.file_bytes // MEGABYTE,
        )
    with path.open("rb") as file:
        head = file.read(512)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"%PDF", b"{\\rtf")):
        raise FileRefused(
            N_("The file is a web page or document, not a table. Save it as CSV or XLSX."), code="not_a_table"
        )
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))


# Delimited text


def encoding_of(path: Path) -> str:
    """The encoding of a text file, by rule: BOM, strict UTF-8, UTF-16 by its zeros, windows-1251 or cp866.

    Of the two old ones that is taken which makes more Cyrillic letters of the bytes. All bytes are checked;
    one that fits nothing is refused with its line.
    """
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    encoding = _by_mark(sample) or _by_zeros(sample)
    if encoding:
        _refuse_fault(path, encoding)
        return encoding
    line = _first_fault(path, "utf-8")
    if line is None:
        return "utf-8"
    if _mostly_utf8(sample):
        raise _wrong_encoding(line)
    encoding = _older(path)
    _refuse_fault(path, encoding)
    return encoding


def text_rows(path: Path, *, encoding: str, delimiter: str, limits: Limits = LIMITS) -> Iterator[Row]:
    """The rows of a delimited text, one at a time; blank lines are left out."""
    with path.open("r", encoding=encoding, newline="") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=delimiter)
        count = 0
        while True:
            begin = lines.number + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise _unclosed(begin) from error
            if cells is None:
                return
            # The reader asks for a line beyond the last one only inside of quotation marks.
            if lines.ended or lines.number - begin >= MOST_LINES_PER_ROW:
                raise _unclosed(begin)
            if not cells:
                continue
            count += 1
            refuse_size(begin, count, len(cells), limits)
            yield begin, cells


class _Lines:
    """The lines of a text, counted."""

    def __init__(self, file: Iterable[str]) -> None:
        self._lines = iter(file)
        self.number = 0
        self.ended = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            self.ended = True
            raise
        self.number += 1
        return line


def _unclosed(line: int) -> FileRefused:
    return FileRefused(
        N_('Line %(line)d: a quotation mark (") is opened and not closed. Close or double it.'),
        code="unclosed_quote",
        line=line,
    )


def _by_mark(sample: bytes) -> str | None:
    if sample.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if sample.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    return "utf-16" if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def _by_zeros(sample: bytes) -> str | None:
    zeros = sample.count(0)
    if not zeros:
        return None
    high, low = sample[1::2].count(0), sample[::2].count(0)
    if zeros * 20 > len(sample) and min(high, low) * 20 < zeros:
        return "utf-16-le" if high > low else "utf-16-be"
    raise FileRefused(
        N_("The file is neither text nor a workbook. Save it as CSV or XLSX."), code="not_a_table"
    )


def _older(path: Path) -> str:
    in_1251 = in_866 = 0
    with path.open("rb") as file:
        while chunk := file.read(MEGABYTE):
            in_1251 += len(chunk) - len(chunk.translate(None, CYRILLIC_1251))
            in_866 += len(chunk) - len(chunk.translate(None, CYRILLIC_866))
    return "cp866" if in_866 > in_1251 else "cp1251"


def _mostly_utf8(sample: bytes) -> bool:
    """Whether a text that is not UTF-8 throughout was meant as such: damaged, cut off or glued together."""
    text = sample.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    return sum(char > "\x7f" for char in text) - wrong > 4 * wrong


def _refuse_fault(path: Path, encoding: str) -> None:
    line = _first_fault(path, encoding)
    if line is not None:
        raise _wrong_encoding(line)


def _wrong_encoding(line: int) -> FileRefused:
    return FileRefused(
        N_("Line %(line)d holds characters that fit no known encoding. Save the file as CSV UTF-8 or XLSX."),
        code="wrong_encoding",
        line=line,
    )


def _first_fault(path: Path, encoding: str) -> int | None:
    """The line with the first byte that does not fit, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with path.open("rb") as file:
        while True:
            chunk = file.read(MEGABYTE)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            if not chunk:
                return None


# Writing

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_text(value: str) -> str:
    """A text that no spreadsheet takes for a formula: a dangerous beginning gets an apostrophe in front.

    Source: OWASP, CSV Injection; the full-width signs are read as formulas by Excel for East Asia.
    """
    return "'" + value if value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA) else value


def delimiter_for(language: str) -> str:
    """The delimiter that the spreadsheet of a reader of this language expects."""
    return "," if language == "en" else ";"


def csv_pieces(
    heading: Sequence[str], rows: Iterable[Sequence[object]], *, delimiter: str = ","
) -> Iterator[bytes]:
    """A CSV file in pieces: UTF-8 with BOM, CRLF, formulas made harmless; None is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    buffer.write("\ufeff")
    writer.writerow([safe_text(str(title)) for title in heading])
    for row in rows:
        writer.writerow([_written(value) for value in row])
        if buffer.tell() > 32_768:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _written(value: object) -> object:
    if value is None or isinstance(value, (int, float, Decimal)):
        return value
    return safe_text(value.isoformat(sep=" ") if isinstance(value, datetime) else str(value))
