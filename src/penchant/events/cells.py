"""One cell of a table or one value of a JSON record: read it, or say exactly what is wrong with it.

The same functions read files and requests, so a rule exists once.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from penchant.errors import InvalidInput
from penchant.settings import Settings

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_CONTROL_IN_ID = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOT_UTF8 = re.compile(r"[\ud800-\udfff]")
_WORDS = {"true": True, "1": True, "yes": True, "y": True, "t": True}
_BOOLS = _WORDS | {"false": False, "0": False, "no": False, "n": False, "f": False}
MAX_INTEGER = 2**53
"""Largest whole number that every format and language keeps exactly."""


class BadCell(InvalidInput):
    """A value that breaks the rule ``code`` of its column."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds that the rules apply. Lengths in characters, times in unix seconds, prices in currency."""

    max_id: int = 256
    max_text: int = 8_192
    earliest: float = 0.0
    latest: float = math.inf
    max_price: float = 1_000_000.0
    max_quantity: float = 100_000.0
    max_amount: float = 1e12
    max_context: int = 64
    max_attribute: int = 64
    max_attributes: int = 50


def limits_of(settings: Settings, now: float) -> Limits:
    """The shop's limits at the time ``now`` (unix seconds).

    >>> limits_of(Settings(), now=0.0).latest
    86400.0
    """
    cleaning = settings.cleaning
    return Limits(
        max_id=settings.serve.max_id,
        max_text=settings.serve.max_text,
        earliest=time_of(cleaning.earliest),
        latest=now + cleaning.future_tolerance,
        max_price=cleaning.max_price,
        max_quantity=cleaning.max_quantity,
    )


def shown(value: Any, limit: int = 60) -> str:
    """A value as a message may quote it: short, on one line.

    >>> shown("a" * 100, 10)
    "'aaaaaaaaaa'… (100 characters)"
    """
    if isinstance(value, str):
        cut = repr(value[:limit])
        return cut if len(value) <= limit else f"{cut}… ({len(value)} characters)"
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 4 * limit:
        return f"a whole number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "…"


def identifier(cell: Any, limits: Limits) -> str:
    """A text that names something; whole numbers are taken as text.

    >>> identifier(17, Limits())
    '17'
    """
    text = _as_text(cell)
    if not text or text.isspace():
        raise BadCell("empty", "is an empty text; give an id, or leave the column out")
    _short_enough(text, limits.max_id)
    _utf8(text)
    if _CONTROL_IN_ID.search(text):
        raise BadCell("control-character", f"holds a control character: {shown(text)}; take it out")
    return text


def identifiers(cells: list[Any], limits: Limits) -> list[Any] | None:
    """:func:`identifier` of a whole column with one look at all its cells; None where it must be asked of
    each. An absent cell is None in both.

    >>> identifiers(["a", None], Limits()), identifiers(["a", " "], Limits())
    (['a', None], None)
    """
    texts = [cell for cell in cells if cell is not None]
    try:
        together = "".join(texts)
    except TypeError:
        return None
    odd = not (together.isascii() and together.isprintable()) and (
        _CONTROL_IN_ID.search(together) or _NOT_UTF8.search(together)
    )
    if odd or not all(texts) or max(map(len, texts), default=0) > limits.max_id:
        return None
    if (" " in together or not together.isascii()) and any(map(str.isspace, texts)):
        return None
    return cells


def timestamps(cells: list[Any], limits: Limits) -> list[Any] | None:
    """:func:`timestamp` of a whole column of plain numbers, or of texts of them; None where it must be asked
    of each.

    >>> timestamps([5, 7], Limits()), timestamps(["5.5"], Limits()), timestamps([-1], Limits())
    ([5.0, 7.0], [5.5], None)
    """
    try:
        if not isinstance(cells[0], str):
            plain = set(map(type, cells)) <= {int, float}
        else:
            together = "".join(cells)
            plain = together.isascii() and together.replace(".", "").isdecimal()
        values = list(map(float, cells)) if plain else []
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    # Of something that is no number the sum is none either.
    inside = values and math.isfinite(sum(values)) and limits.earliest <= min(values)
    return values if inside and max(values) <= limits.latest else None


def free_text(cell: Any, limits: Limits) -> str | None:
    """Words of a person: a query, a review. None where there are none."""
    text = _as_text(cell)
    _short_enough(text, limits.max_text)
    _utf8(text)
    if _CONTROL_IN_TEXT.search(text):
        raise BadCell("control-character", f"holds a control character: {shown(text)}; take it out")
    return None if not text or text.isspace() else text


def number(cell: Any) -> float:
    """A finite number, from a number or from text with a decimal point.

    >>> number("2.50")
    2.5
    """
    if isinstance(cell, str):
        if not _NUMBER.fullmatch(cell):
            _refuse_number(cell)
    elif isinstance(cell, bool) or not isinstance(cell, (int, float, Decimal)):
        raise BadCell("not-a-number", f"is not a number: {shown(cell)}")
    try:
        value = float(cell)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise BadCell("not-finite", f"is not a finite number: {shown(cell)}; leave it empty where unknown")
    # -0.0 equals 0.0 and is written otherwise: one amount must have one digest.
    return value + 0.0


def amount(
    maximum: Callable[[Limits], float], hint: str = "it must be 0 or more"
) -> Callable[[Any, Limits], float]:
    """Reader of numbers from 0 to a limit; ``hint`` is what to do about a negative one."""

    def read(cell: Any, limits: Limits) -> float:
        value = number(cell)
        if value < 0:
            raise BadCell("negative", f"is negative: {shown(cell)}; {hint}")
        if value > maximum(limits):
            raise BadCell("too-large", f"is above the limit of {maximum(limits):g}: {shown(cell)}")
        return value

    return read


def whole(cell: Any, limits: Limits) -> int:  # noqa: ARG001
    """A whole number from 0 to 2**53.

    >>> whole("3", Limits())
    3
    """
    value = number(cell)
    if value != int(value):
        raise BadCell("not-an-integer", f"is not a whole number: {shown(cell)}")
    if not 0 <= value <= MAX_INTEGER:
        raise BadCell("out-of-range", f"is not from 0 to 2**53: {shown(cell)}")
    return int(value)


def truth(cell: Any, limits: Limits) -> bool:  # noqa: ARG001
    """A bool, or a word for one.

    >>> truth("Yes", Limits()), truth(0, Limits())
    (True, False)
    """
    word = str(cell).strip().lower() if isinstance(cell, (str, bool, int)) else ""
    if word not in _BOOLS:
        raise BadCell("not-a-bool", f"is not true or false: {shown(cell)}")
    return _BOOLS[word]


def timestamp(cell: Any, limits: Limits) -> float:
    """Unix seconds within the limits, from a number or from ISO 8601 text (UTC where no zone is given).

    >>> timestamp("2024-01-01T00:00:00+01:00", Limits())
    1704063600.0
    """
    value = time_of(cell)
    if value < limits.earliest:
        raise BadCell("too-early", f"is before {_day(limits.earliest)}: {shown(cell)}")
    if value > limits.latest:
        hint = _finer_unit(value, limits)
        raise BadCell("future", f"is in the future: {shown(cell)}{hint}")
    return value


def time_of(cell: Any) -> float:
    """Unix seconds of a number, an ISO 8601 text or a ``datetime``, whatever the year."""
    if isinstance(cell, str):
        if _NUMBER.fullmatch(cell):
            value = float(cell)
            if math.isfinite(value):
                return value
        else:
            cell = _iso(cell)
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp()
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=UTC).timestamp()
    try:
        return number(cell)
    except BadCell as error:
        if error.code == "not-a-number":
            raise _not_a_time(cell) from error
        raise


def scalar(cell: Any, limits: Limits) -> str | int | float | bool:
    """A value of a column that Penchant does not know and keeps as it came."""
    if isinstance(cell, str):
        _short_enough(cell, limits.max_text)
        _utf8(cell)
        if _CONTROL_IN_TEXT.search(cell):
            raise BadCell("control-character", f"holds a control character: {shown(cell)}; take it out")
        return cell
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, (datetime, date)):
        return cell.isoformat()
    value = number(cell) if isinstance(cell, (int, float, Decimal)) else None
    if value is None:
        raise BadCell("not-scalar", f"is not a text, number or bool: {shown(cell)}; split it into columns")
    if isinstance(cell, int) and abs(cell) > MAX_INTEGER:
        raise BadCell("out-of-range", f"is a whole number above 2**53: {shown(cell)}; write it as text")
    return cell if isinstance(cell, int) else value


def attribute(cell: Any, limits: Limits) -> str | None:
    """What is known of a person under one name: a short text on one line. None where it is empty.

    >>> attribute(4, Limits()), attribute(" ", Limits())
    ('4', None)
    """
    text = _as_text(cell)
    _short_enough(text, limits.max_attribute)
    _utf8(text)
    if _CONTROL_IN_ID.search(text):
        raise BadCell("control-character", f"holds a control character: {shown(text)}; take it out")
    return None if not text or text.isspace() else text


def _as_text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) <= MAX_INTEGER:
        return str(cell)
    raise BadCell("not-text", f"is not a text: {shown(cell)}; write it in quotes")


def _short_enough(text: str, limit: int) -> None:
    if len(text) > limit:
        raise BadCell("too-long", f"has {len(text)} characters, the limit is {limit}")


def _utf8(text: str) -> None:
    if not text.isascii() and _NOT_UTF8.search(text):
        raise BadCell("encoding", f"is not UTF-8 text: {shown(text)}; save the file as UTF-8")


def _refuse_number(cell: str) -> None:
    word = cell.strip().lower().lstrip("+-")
    if word in {"nan", "inf", "infinity"}:
        raise BadCell("not-finite", f"is not a finite number: {shown(cell)}; leave it empty where unknown")
    hint = "; use a decimal point and no thousands mark" if "," in cell else ""
    raise BadCell("not-a-number", f"is not a number: {shown(cell)}{hint}")


def _iso(cell: str) -> datetime:
    try:
        return datetime.fromisoformat(cell.strip()[:40])
    except ValueError as error:
        raise _not_a_time(cell) from error


def _not_a_time(cell: Any) -> BadCell:
    return BadCell(
        "not-a-time",
        f"is not a time: {shown(cell)}; give unix seconds or ISO 8601, such as 2024-05-31T18:30:00Z",
    )


def _finer_unit(value: float, limits: Limits) -> str:
    for unit, factor in (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9)):
        if limits.earliest <= value / factor <= limits.latest:
            return f"; these look like {unit}, give seconds"
    return ""


def _day(value: float) -> str:
    return datetime.fromtimestamp(value, UTC).date().isoformat()
