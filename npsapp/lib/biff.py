"""Old Excel files (XLS): how large their sheets are, found before anything of them is unpacked into memory."""

import struct
from collections.abc import Iterator

FREE_SECTORS = 0xFFFFFFFA  # this and above are marks, not numbers of sectors
BOOKS = {name.encode("utf-16-le").ljust(64, b"\0") for name in ("Workbook\0", "Book\0")}
BEGINS = frozenset((0x009, 0x209, 0x409, 0x809))
CELLS = frozenset((0x0BD, 0x0D6, 0x0FD, 0x006, 0x206, 0x406, 0x203, 0x204, 0x205, 0x27E))
SECTOR_SHIFTS = (9, 12)
MOST_BOOKS = 2  # the same in the form of Excel 5 and of Excel 97
SEVERAL = 0x0BD  # numbers side by side: the last column stands at the end


class NoBook(ValueError):
    """The file is no compound file with a workbook in it."""


def areas(content: bytes) -> Iterator[tuple[int, int]]:
    """How many rows and columns the cells of each part span; cells that are only formatted do not count.

    :raise NoBook: when there is no workbook; also struct.error and IndexError where the file is damaged.
    """
    books = list(_books(content))
    if not books:
        raise NoBook
    for book in books:
        at = rows = columns = 0
        while at + 4 <= len(book):
            kind, size = struct.unpack_from("<HH", book, at)
            if kind in BEGINS:
                yield rows, columns
                rows = columns = 0
            elif kind in CELLS and size >= 6:
                row, column = struct.unpack_from("<HH", book, at + 4)
                if kind == SEVERAL:
                    (column,) = struct.unpack_from("<H", book, at + 2 + size)
                rows, columns = max(rows, row + 1), max(columns, column + 1)
            at += 4 + size
        yield rows, columns


def _books(content: bytes) -> Iterator[bytes]:
    """Every stream that is called like a workbook. Source: [MS-CFB]."""
    if content[0x1E] not in SECTOR_SHIFTS:
        raise NoBook
    size = 1 << content[0x1E]
    first_entry, cutoff, first_small, first_more = (
        struct.unpack_from("<I", content, at)[0] for at in (0x30, 0x38, 0x3C, 0x44)
    )
    sectors = [content[at : at + size] for at in range(size, len(content), size)]
    listed = list(struct.unpack_from("<109I", content, 0x4C))
    more = first_more
    while more < FREE_SECTORS and len(listed) < len(sectors):
        *found, more = _numbers(sectors[more])
        listed += found
    table = [number for at in listed if at < FREE_SECTORS for number in _numbers(sectors[at])]
    entries = _chain(sectors, table, first_entry)
    small = _chain(sectors, table, first_small)
    root = _chain(sectors, table, struct.unpack_from("<I", entries, 0x74)[0])
    small_sectors = [root[at : at + 64] for at in range(0, len(root), 64)]
    found = [at for at in range(0, len(entries) - 127, 128) if entries[at : at + 64] in BOOKS]
    if len(found) > MOST_BOOKS:
        raise NoBook
    for at in found:
        start, length = struct.unpack_from("<II", entries, at + 0x74)
        parts = (sectors, table) if length >= cutoff else (small_sectors, _numbers(small))
        yield _chain(*parts, start)[:length]


def _numbers(sector: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(sector) // 4}I", sector[: len(sector) // 4 * 4]))


def _chain(sectors: list[bytes], table: list[int], start: int) -> bytes:
    """The sectors from a first one on; a chain that bites its tail ends with the file."""
    found: list[bytes] = []
    while start < FREE_SECTORS and len(found) <= len(sectors):
        found.append(sectors[start])
        start = table[start]
    return b"".join(found)
