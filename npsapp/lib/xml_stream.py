"""XML read piece by piece: finished elements come out, little is kept; no DTD, no entities, nothing is fetched."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser  # noqa: S405 - DTDs are refused before
from xml.parsers import expat

from npsapp.lib.tables import FileRefused
from npsapp.lib.texts import N_

PIECE = 64 * 1024
LARGEST_ELEMENT = 8 * 1024 * 1024  # bytes of one document; a larger one would be held in memory at once
_CYRILLIC = str.maketrans("ABCEHIKMOPTXaceiopxy", "АВСЕНІКМОРТХасеіорху")
_TOO_EARLY = "XML_ERROR_NO_ELEMENTS XML_ERROR_UNCLOSED_TOKEN XML_ERROR_PARTIAL_CHAR XML_ERROR_UNCLOSED_CDATA_SECTION"
_ENDS_TOO_EARLY = {expat.errors.codes[getattr(expat.errors, name)] for name in _TOO_EARLY.split()}


@lru_cache(maxsize=4096)
def local_name(tag: str) -> str:
    """The name of an element without namespace and prefix; Latin letters in a Cyrillic name become Cyrillic."""
    name = tag.rpartition("}")[2].rpartition(":")[2]
    return name if name.isascii() else name.translate(_CYRILLIC)


def root_of(file: BinaryIO) -> tuple[str, Mapping[str, str]]:
    """Local name and attributes of the root element; the file is read from its beginning and left there.

    May raise FileRefused: no XML, or a document type (only there entities can be declared).
    """
    found: list[tuple[str, Mapping[str, str]]] = []

    def begin(tag: str, attributes: Mapping[str, str]) -> None:
        found.append((local_name(tag), attributes))
        parser.StartElementHandler = None

    parser = _careful_parser()
    parser.StartElementHandler = begin
    file.seek(0)
    while not found:
        _feed(parser, file.read(PIECE))
    file.seek(0)
    return found[0]


def check(file: BinaryIO) -> None:
    """Read a whole file for its form alone. May raise FileRefused, with the line."""
    parser = _careful_parser()
    file.seek(0)
    while piece := file.read(PIECE):
        _feed(parser, piece)
    _feed(parser, b"")


def elements(file: BinaryIO, wanted: frozenset[str]) -> Iterator[Element]:
    """The outermost elements with these local names, each when it is finished; all others are forgotten.

    Call `root_of` before: it refuses document types. May raise FileRefused halfway, with the line.
    """
    builder = TreeBuilder()  # noqa: S314
    parser = XMLParser(target=builder)  # noqa: S314
    held, piece = 0, file.read(PIECE)
    while piece:
        held += len(piece)
        for one in _finished(_built(parser, builder, piece), wanted):
            held = len(piece)
            yield one
        if held > LARGEST_ELEMENT:
            words = N_("One document is larger than %(most)d MB. Send it with fewer lines.")
            raise FileRefused(words, code="document_too_large", most=LARGEST_ELEMENT // 1024**2)
        piece = file.read(PIECE)
    yield from _inside(_built(parser, builder, b""), wanted)


def _built(parser: XMLParser, builder: TreeBuilder, piece: bytes) -> Element | None:
    """The root as far as it is read; an empty piece is the end."""
    with _explained():
        if not piece:
            return parser.close()
        parser.feed(piece)
        return builder.close()  # gives the root, and lets it grow on


def _finished(root: Element | None, wanted: frozenset[str]) -> Iterator[Element]:
    """Take out of a growing tree what is finished: all but the last child, at every level."""
    parent = root
    while parent is not None and len(parent):
        finished, last = parent[:-1], parent[-1]
        del parent[:-1]
        for child in finished:
            yield from _inside(child, wanted)
        parent = None if local_name(last.tag) in wanted else last


def _inside(element: Element | None, wanted: frozenset[str]) -> Iterator[Element]:
    """The outermost wanted elements of a finished one, itself included."""
    waiting = [] if element is None else [element]
    while waiting:
        one = waiting.pop()
        if local_name(one.tag) in wanted:
            yield one
        else:
            waiting.extend(reversed(one))


def _careful_parser() -> expat.XMLParserType:
    def refuse(*_declared: object) -> None:
        words = N_("Line %(line)d declares a document type; such files are not read. Send the data alone.")
        raise FileRefused(words, code="document_type", line=parser.CurrentLineNumber)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    return parser


def _feed(parser: expat.XMLParserType, piece: bytes) -> None:
    """Feed a piece; an empty one is the end."""
    with _explained():
        parser.Parse(piece, not piece)


@contextmanager
def _explained() -> Iterator[None]:
    """What the parser finds wrong, in words that name the line."""
    try:
        yield
    except (expat.ExpatError, ParseError) as error:
        line = error.lineno if isinstance(error, expat.ExpatError) else error.position[0]
        if error.code in _ENDS_TOO_EARLY:
            words = N_("The file breaks off in line %(line)d: it did not arrive whole. Send it again.")
            raise FileRefused(words, code="broken_off", line=line) from error
        words = N_("Line %(line)d is not valid XML. Send the file again as the other program writes it.")
        raise FileRefused(words, code="not_xml", line=line) from error
    except (ValueError, LookupError) as error:
        words = N_("The encoding that the file declares is not known. Use UTF-8 or windows-1251.")
        raise FileRefused(words, code="wrong_encoding") from error
