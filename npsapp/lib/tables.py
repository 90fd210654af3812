"""Tables in text files: delimited text in any usual encoding is read row by row, CSV is written safely."""

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from npsapp.lib.refusals import Refused
from npsapp.lib.texts import N_

Cell = str | float | bool | date | datetime | time | timedelta | None
Row = tuple[int, Sequence[Cell]]
"""Line number as a person counts (from 1, the line on which the row begins) and the cells."""

MEGABYTE = 1024 * 1024
MOST_ROWS = 1_000_000
MOST_COLUMNS = 300
DELIMITERS = (";", "\t", ",", "|")
SAMPLE_BYTES = 256 * 1024
MOST_LINES_PER_ROW = 50  # a cell with more line breaks is a quotation mark that was never closed
OLD_ENCODINGS = ("cp1251", "cp866", "cp1125", "koi8-u", "iso8859-5")
"""Of one byte a letter; the likelier ones first. cp1125 is the cp866 of Ukrainian programs."""
WORDS_LOOKED_AT = 20_000

_END = "\0 end of the text"


class FileRefused(Refused):
    """A file nothing can be read from; the wording says what is wrong, where, and what helps."""

    wording = N_("This file cannot be read as a table.")


def refuse_size(line: int, rows: int, columns: int, *, most_rows: int = MOST_ROWS) -> None:
    """Refuse a table with too many rows or columns; `line` is where that was seen."""
    if rows > most_rows:
        raise FileRefused(
            N_("The file has more than %(most)d rows. Split it into parts."), code="too_many_rows", most=most_rows
        )
    if columns > MOST_COLUMNS:
        raise FileRefused(
            N_("Line %(line)d has %(columns)d columns; at most %(most)d are read."),
            code="too_many_columns",
            line=line,
            columns=columns,
            most=MOST_COLUMNS,
        )


def is_workbook(path: Path) -> bool:
    """Whether the content (not the name) is a workbook; False means text. Refuses what can be neither."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise FileRefused(N_("The file is empty."), code="empty_file")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"%PDF", b"{\\rtf")):
        raise FileRefused(
            N_("The file is a web page or document, not a table. Save it as CSV or XLSX."), code="not_a_table"
        )
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))


# Delimited text


def encoding_of(path: Path) -> str:
    """The encoding of a text file, by rule: BOM, UTF-16 by its zeros, strict UTF-8, else one of `OLD_ENCODINGS`.

    Of the old ones that is taken in which the words read most like Russian or Ukrainian. All bytes are checked;
    one that fits nothing is refused with its line.
    """
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    encoding = _by_mark(sample) or _by_zeros(sample) or "utf-8"
    line = _first_fault(path, encoding)
    if line and encoding == "utf-8" and not _mostly_utf8(sample):
        encoding = _older(path)
        line = _first_fault(path, encoding)
    if line:
        raise FileRefused(
            N_("Line %(line)d holds characters that fit no known encoding. Save the file as CSV UTF-8 or XLSX."),
            code="wrong_encoding",
            line=line,
        )
    return encoding


def _by_mark(sample: bytes) -> str | None:
    if sample.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    return "utf-16" if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def _by_zeros(sample: bytes) -> str | None:
    zeros = sample.count(0)
    if not zeros:
        return None
    high, low = sample[1::2].count(0), sample[::2].count(0)
    if zeros * 20 > len(sample) and min(high, low) * 20 < zeros:
        return "utf-16-le" if high > low else "utf-16-be"
    raise FileRefused(N_("The file is neither text nor a workbook. Save it as CSV or XLSX."), code="not_a_table")


def _mostly_utf8(sample: bytes) -> bool:
    """Whether a text that is not UTF-8 throughout was meant as such: damaged, cut off or glued together."""
    text = sample.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    return sum(char > "\x7f" for char in text) - wrong > 4 * wrong


_WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
_FREQUENT, _USUAL = frozenset("оаеинтрсвлкі"), frozenset("мдупязьбгйчхжшюцщїєыфэёґ")
_SIGNS = frozenset("№«»—–’“”…°\u00a0")


def _older(path: Path) -> str:
    """Which old encoding makes the best words, by the frequency of letters and by capitals inside words."""
    with path.open("rb") as file:
        lines = (line for line in file if not line.isascii())
        found = itertools.chain.from_iterable(map(_WORD.findall, lines))
        words = b" ".join(itertools.islice(found, WORDS_LOOKED_AT))
    return max(OLD_ENCODINGS, key=lambda encoding: _likeness(words.decode(encoding, "replace")))


def _likeness(text: str) -> int:
    odd_cases = len(re.findall("[а-яіїє][А-ЯІЇЄ]", text))
    weights = {**dict.fromkeys(_FREQUENT, 3), **dict.fromkeys(_USUAL, 1), **dict.fromkeys(_SIGNS, 0)}
    letters = Counter(char for char in text.lower() if char > "\x7f")
    return sum(weights.get(char, -3) * count for char, count in letters.items()) - 6 * odd_cases


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


def text_rows(path: Path, *, encoding: str, delimiter: str) -> Iterator[Row]:
    """The rows of a delimited text, one at a time; blank lines are left out."""
    with path.open("r", encoding=encoding, newline="") as file:
        # A line of our own shows whether the last quotation mark was closed: it must come as a row by itself.
        reader = csv.reader(itertools.chain(file, [_END]), delimiter=delimiter)
        begin, count = 1, 0
        try:
            for cells in reader:
                if cells == [_END]:
                    return
                if reader.line_num - begin >= MOST_LINES_PER_ROW or (cells and cells[-1].endswith(_END)):
                    raise _unclosed(begin)
                if cells:
                    count += 1
                    if count > MOST_ROWS or len(cells) > MOST_COLUMNS:
                        refuse_size(begin, count, len(cells))
                    yield begin, cells
                begin = reader.line_num + 1
        except csv.Error as error:
            raise _unclosed(begin) from error


def _unclosed(line: int) -> FileRefused:
    return FileRefused(
        N_('Line %(line)d: a quotation mark (") is opened and not closed. Close or double it.'),
        code="unclosed_quote",
        line=line,
    )


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


def csv_pieces(heading: Sequence[str], rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> Iterator[bytes]:
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
