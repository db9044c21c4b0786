"""What a cell of a rule looks at: the item, the request, or (what cannot be) both."""

import re
from typing import Final, Literal

ITEM_NAMES: Final = frozenset({"item"})
"""Names of the item that a rule may hit: ``item.item_id``, ``item.brand``, ``item.attributes.margin`` ..."""

REQUEST_NAMES: Final = frozenset({"person", "placement", "hour", "weekday", "day"})
"""Names of the request: ``person.city``, ``person.age``; hour, weekday (1 is Monday) and day are UTC."""

LONGEST: Final = 2_000
"""Characters of a cell."""

Side = Literal["none", "item", "request"]

_STRINGS = re.compile(r"\"[^\"]*\"|'[^']*'")
_NAMES = re.compile(r"(?<![\w.$#])([A-Za-z_]\w*)(\s*\()?")
_WORDS: Final = frozenset({"true", "false", "null", "and", "or", "not", "in"})
_ASSIGNS = re.compile(r"(?<![=!<>])=(?!=)")
_RESTLESS = re.compile(r"\brand\s*\(|\b(?:d|date|time|dateString)\s*\(\s*(?:\)|[\"'](?:now|today))")


class BadCell(ValueError):
    """Why a cell cannot be used."""


def side_of(cell: str, field: str = "") -> Side:
    """Which of the two a condition needs; ``field`` is what its column compares with it.

    Raises:
        BadCell: it needs both, names something unknown, or changes by itself.

    >>> side_of('"OPI", "Essie"', "item.brand"), side_of('person.city == "Bern"'), side_of("")
    ('item', 'request', 'none')
    >>> side_of("> person.budget", "item.price")
    Traceback (most recent call last):
        ...
    penchant.recommend.rules.cells.BadCell: looks at the item and at the request; put them in two columns
    """
    if not cell.strip():
        return "none"
    _check_form(cell)
    roots = {name for name, call in _NAMES.findall(_STRINGS.sub('""', cell)) if not call} - _WORDS
    if field:
        roots.add(field.partition(".")[0].strip())
    unknown = roots - ITEM_NAMES - REQUEST_NAMES
    if unknown:
        raise BadCell(
            f"knows no {', '.join(sorted(unknown))}; there are item, {', '.join(sorted(REQUEST_NAMES))}, "
            'and texts stand in quotes, as "Dairy"'
        )
    if roots & ITEM_NAMES and roots & REQUEST_NAMES:
        raise BadCell("looks at the item and at the request; put them in two columns")
    return "request" if roots & REQUEST_NAMES else "item"


def _check_form(cell: str) -> None:
    if len(cell) > LONGEST:
        raise BadCell(f"has {len(cell)} characters; at most {LONGEST} are read")
    if "`" in cell:
        raise BadCell("holds a template; join texts with + instead")
    if _ASSIGNS.search(_STRINGS.sub('""', cell)):
        raise BadCell("holds a single =; write == to compare")
    # Looked at once for each version of catalogue and rules, it would stay what it was then.
    if _RESTLESS.search(cell):
        raise BadCell(
            "asks for chance or for the time; use the columns starts and ends, hour, weekday or day"
        )
