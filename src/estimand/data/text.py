"""Text files whatever their encoding, delimiter and decimal mark; what had to be guessed is said."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from estimand.core.finding import STUDY, Finding, Grade
from estimand.data.names import check_names
from estimand.errors import Code, DataError

HEAD_BYTES = 1 << 16
BLOCK_BYTES = 1 << 20
LOOK_ROWS = 200
MISSING_WORDS = ("", "#N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
ENCODINGS = {"utf-16": "UTF-16", "cp932": "Shift-JIS", "cp1252": "Windows-1252 (Latin-1)"}

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x9f]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_BEYOND_ASCII_OUTSIDE_WORDS = re.compile(r"(?<![A-Za-z])[^\x00-\x7f]")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")
_DECIMAL_POINT = re.compile(r"\s*[+-]?\d*\.\d+\s*")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text file is written.

    Attributes
    ----------
    encoding, delimiter, decimal : str
    """

    encoding: str
    delimiter: str
    decimal: str

    def finding(self, name: str, usual: str) -> tuple[Finding, ...]:
        """Say what was sniffed; nothing for UTF-8 with decimal points and the delimiter its ending promises."""
        words = [f"as {ENCODINGS[self.encoding]} text"] if self.encoding in ENCODINGS else []
        if self.delimiter != usual:
            words.append(f"with {DELIMITERS[self.delimiter]} between columns")
        if self.decimal == ",":
            words.append("with decimal commas")
        if not words:
            return ()
        return (
            Finding(
                check="sample.read",
                about=STUDY,
                grade=Grade.NOTE,
                subject=name,
                message=f"'{name}' was read {', '.join(words)}; this was inferred from its content.",
                remedy="If that is wrong, save it as UTF-8 with commas between columns and decimal points.",
            ),
        )


def read_text(path: Path, columns: tuple[str, ...] | None, usual: str) -> tuple[Any, tuple[Finding, ...]]:
    """Read a delimited text file, compressed or not.

    Parameters
    ----------
    path : Path
    columns : tuple of str or None
        The columns needed; None for all.
    usual : str
        The delimiter its ending promises.

    Returns
    -------
    table : pyarrow.Table
    findings : tuple of Finding

    Raises
    ------
    DataError
        If it is empty, is not text, repeats a column name, or lacks a column.
    """
    dialect = sniff(path, usual)
    read = pyarrow.csv.ReadOptions(encoding=dialect.encoding)
    parse = pyarrow.csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True)
    with pyarrow.csv.open_csv(path, read_options=read, parse_options=parse) as stream:
        check_names(stream.schema.names, f"'{path.name}'", columns)
    convert = pyarrow.csv.ConvertOptions(
        include_columns=columns,
        null_values=MISSING_WORDS,
        strings_can_be_null=True,
        decimal_point=dialect.decimal,
    )
    table = pyarrow.csv.read_csv(path, read_options=read, parse_options=parse, convert_options=convert)
    return table, dialect.finding(path.name, usual)


def sniff(path: Path, usual: str) -> Dialect:
    """Find out how a text file is written.

    Raises
    ------
    DataError
        If it is empty, has no rows, or is not text.
    """
    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(HEAD_BYTES)
    if not head.strip():
        raise DataError(f"'{path.name}' is empty.", remedy="Export it again, with a header and rows.")
    encoding = _encoding(path, head)
    text = codecs.getincrementaldecoder(encoding)("ignore").decode(head).removeprefix("\ufeff")
    whole = len(head) < HEAD_BYTES
    if not text.strip():
        raise DataError(f"'{path.name}' is empty.", remedy="Export it again, with a header and rows.")
    if whole and len(text.strip().splitlines()) == 1:
        raise DataError(f"'{path.name}' has a header and no rows.", remedy="Export it again, with its rows.")
    delimiter, rows = _delimiter(text, usual)
    return Dialect(encoding, delimiter, "," if delimiter != "," and _has_decimal_commas(rows) else ".")


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        if any("\0" in block for block in _decoded(path, "utf-16", "replace")):
            raise _not_text(path)
        return "utf-16"
    if b"\0" in head:
        raise _not_text(path)
    if _decodes(path, "utf-8"):
        return "utf-8"
    _refuse_damaged_utf8(path)
    if _is_japanese(path):
        return "cp932"
    if _decodes(path, "cp1252") and not any(_CONTROL.search(block) for block in _decoded(path, "cp1252", "strict")):
        return "cp1252"
    raise _not_text(path)


def _not_text(path: Path) -> DataError:
    return DataError(
        f"'{path.name}' is not text in an encoding this version knows: UTF-8, UTF-16 with a byte order mark, "
        "Shift-JIS or Windows-1252.",
        remedy="Check that its ending says what it is, or save it as text encoded as UTF-8.",
        code=Code.UNREADABLE_FILE,
        found=path.name,
    )


def _decoded(path: Path, encoding: str, errors: str) -> Iterator[str]:
    """Decode a file block by block; a character cut off by the end of the file is left out."""
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    with pa.input_stream(str(path), compression="detect") as stream:
        while block := stream.read(BLOCK_BYTES):
            yield decoder.decode(block)


def _decodes(path: Path, encoding: str) -> bool:
    try:
        for _ in _decoded(path, encoding, "strict"):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _refuse_damaged_utf8(path: Path) -> None:
    """Refuse UTF-8 with a few wrong bytes, which read as another encoding would be wrong throughout."""
    damaged = beyond = lines = first = 0
    for block in _decoded(path, "utf-8", "replace"):
        if damaged == 0 and "\ufffd" in block:
            first = lines + block[: block.index("\ufffd")].count("\n") + 1
        damaged += block.count("\ufffd")
        lines += block.count("\n")
        beyond += len(_BEYOND_ASCII.findall(block))
    if beyond - damaged > damaged:
        raise DataError(
            f"'{path.name}' is UTF-8 text with {damaged:,} damaged characters, first in line {first:,}.",
            remedy="Export it again, or correct that line.",
            code=Code.UNREADABLE_FILE,
            found=first,
        )


def _is_japanese(path: Path) -> bool:
    """Whether a file reads as Shift-JIS, most of it kana and common kanji that do not end a Latin word.

    Accented Latin text often decodes as Shift-JIS too: into rare kanji, or into kanji in the middle of words.
    """
    found: Counter[str] = Counter()
    beyond = 0
    try:
        for block in _decoded(path, "cp932", "strict"):
            found.update(_BEYOND_ASCII_OUTSIDE_WORDS.findall(block))
            beyond += len(_BEYOND_ASCII.findall(block))
    except UnicodeDecodeError:
        return False
    common = sum(count for character, count in found.items() if _is_common(character))
    return common > beyond / 2


def _is_common(character: str) -> bool:
    """Whether a character is of rows 1 to 47 of JIS X 0208: kana, full-width signs, and the 2,965 common kanji."""
    code = character.encode("cp932")
    return len(code) == 2 and 0x81 <= code[0] <= 0x97


def _delimiter(text: str, usual: str) -> tuple[str, list[list[str]]]:
    """Choose the delimiter by which most rows have as many fields as the header; return it and its rows."""
    chosen, rows, best = usual, _rows(text, usual), 0
    for delimiter in dict.fromkeys((usual, *DELIMITERS)):
        split = _rows(text, delimiter)
        width = len(split[0]) if split else 0
        agreeing = sum(len(row) == width for row in split) if width > 1 else 0
        if agreeing > best:
            chosen, rows, best = delimiter, split, agreeing
    return chosen, rows


def _rows(text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [row for row in islice(reader, LOOK_ROWS) if row]


def _has_decimal_commas(rows: list[list[str]]) -> bool:
    cells = [cell for row in rows[1:] for cell in row]
    commas = sum(_DECIMAL_COMMA.fullmatch(cell) is not None for cell in cells)
    return commas > sum(_DECIMAL_POINT.fullmatch(cell) is not None for cell in cells)
