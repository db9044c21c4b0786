"""Refused records in the form that is kept: JSON-able, bounded, with no raw user id."""

from collections.abc import Mapping
from typing import Any

MAX_KEPT = 65_536
"""Characters of one text that a dead letter keeps."""
_MAX_FIELDS = 256
_MAX_DEPTH = 4


def safe_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as a dead letter keeps it; ``user_id`` is left out, the caller adds the pseudonym.

    >>> safe_record({"user_id": "anna", "price": float("nan")})
    {'price': 'nan'}
    """
    names = [name for name in record if name != "user_id"][:_MAX_FIELDS]
    return {utf8(name)[:MAX_KEPT]: _safe(record[name], 0) for name in names}


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
        cut = value[:MAX_KEPT]
        return utf8(cut if len(value) <= MAX_KEPT else f"{cut}… (cut, {len(value)} characters)")
    if isinstance(value, int) and abs(value) < 2**53:
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


def _text(value: Any) -> str:
    if isinstance(value, int):
        return hex(value)[:MAX_KEPT]  # decimal digits of a huge number would take quadratic time
    return str(value)[:MAX_KEPT]
