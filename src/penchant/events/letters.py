"""Refused records in the form that is kept: JSON-able, bounded, with no raw user id."""

import re
from collections.abc import Mapping
from typing import Any

MAX_KEPT = 100_000
"""Characters of one text that a dead letter keeps: no less than the longest text that the shop takes
(``catalog.feeds.MAX_DESCRIPTION``), so that a record refused for another column can be replayed whole."""
_ONCE_KEPT = 65_536
"""What older versions kept, the least that stands before a mark of a cut."""
_CUT = re.compile(r"… \(cut, \d+ characters\)\Z")
_MAX_MARK = 64
PEOPLE = frozenset({"user_id", "follows"})
"""Columns that name people."""
_OTHERS = {"follows": frozenset({"follows"})}
"""Of a table, columns that name others than the person of a row: no letter keeps what stood there."""
_MAX_FIELDS = 256
_MAX_DEPTH = 4


def safe_record(record: Mapping[str, Any], table: str = "") -> dict[str, Any]:
    """A record as a dead letter of ``table`` keeps it; ``user_id`` is left out, the caller adds the
    pseudonym, and so is the id of anybody else: an erasure of that person would not find it.

    >>> safe_record({"user_id": "anna", "price": float("nan")})
    {'price': 'nan'}
    >>> safe_record({"user_id": "anna", "follows": "ben", "removed": "?"}, "follows")
    {'removed': '?'}
    """
    left_out = _OTHERS.get(table, frozenset[str]()) | {"user_id"}
    names = [name for name in record if name not in left_out][:_MAX_FIELDS]
    return {utf8(name)[:MAX_KEPT]: _safe(record[name], 0) for name in names}


def was_cut(value: Any) -> bool:
    """Whether a kept text is only the beginning of what came.

    >>> was_cut(safe_record({"title": "x" * 200_000})["title"]), was_cut("x… (cut, 9 characters)")
    (True, False)
    """
    if not isinstance(value, str) or len(value) <= _ONCE_KEPT:
        return False
    mark = _CUT.search(value, len(value) - _MAX_MARK)
    return mark is not None and mark.start() >= _ONCE_KEPT


def plain_id(cell: Any) -> str:
    """A raw user id as text that can be hashed, even a broken one; empty where there is none."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return ""
    return utf8(cell if isinstance(cell, str) else repr(_safe(cell, 0)))


def utf8(text: str) -> str:
    r"""Text that can be written as UTF-8; lone surrogates become escapes.

    >>> utf8("a\udcff")
    'a\\udcff'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _safe(value: Any, depth: int) -> Any:  # noqa: PLR0911 - one line a kind
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return utf8(_bounded(value))
    if isinstance(value, int) and -(2**63) <= value < 2**64:  # what a letter can be written with
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        return {
            utf8(str(name))[:MAX_KEPT]: _safe(part, depth + 1)
            for name, part in list(value.items())[:_MAX_FIELDS]
        }
    if depth < _MAX_DEPTH and isinstance(value, (list, tuple)):
        return [_safe(part, depth + 1) for part in value[:_MAX_FIELDS]]
    return utf8(_text(value))


def _bounded(text: str) -> str:
    # A letter that is kept again goes on to say how long its text was when it came.
    if len(text) <= MAX_KEPT or (len(text) <= MAX_KEPT + _MAX_MARK and was_cut(text)):
        return text
    return f"{text[:MAX_KEPT]}… (cut, {len(text)} characters)"


def _text(value: Any) -> str:
    if isinstance(value, int):
        return hex(value)[:MAX_KEPT]  # decimal digits of a huge number would take quadratic time
    return str(value)[:MAX_KEPT]
