"""What rules may know of a person: attributes that the shop gave, and an age made of them."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final

OLDEST: Final = 130

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_YEAR = re.compile(r"\d{4}")
_AGE = re.compile(r"(\d{1,3})(?:\s*[-–]\s*\d{1,3}|\s*\+)?")


def age_of(attributes: Mapping[str, str], now: float) -> int | None:
    """Whole years that the person certainly has at ``now`` (unix seconds); None where it is not known.

    Of ``birth_date`` (ISO 8601), else ``birth_year``, else ``age``: a number, or a band such as 25-34 or 65+.
    Of several possible ages it is the lowest. What is no such thing, or not the age of a living person, is
    not known.

    >>> age_of({"birth_date": "2000-02-29"}, 1_582_848_000.0), age_of({"age": "18-24"}, 0.0), age_of({}, 0.0)
    (19, 18, None)
    """
    today = datetime.fromtimestamp(now, UTC).date()
    found = None
    if "birth_date" in attributes:
        found = _since(attributes["birth_date"].strip(), today)
    elif "birth_year" in attributes:
        year = attributes["birth_year"].strip()
        found = today.year - int(year) - 1 if _YEAR.fullmatch(year) else None
    elif "age" in attributes:
        band = _AGE.fullmatch(attributes["age"].strip())
        found = int(band[1]) if band else None
    return found if found is not None and 0 <= found <= OLDEST else None


def _since(text: str, today: date) -> int | None:
    """Whole years since a date; who was born on the 29th of February has a birthday on the 1st of March."""
    parts = _DATE.fullmatch(text[:10])
    if parts is None:
        return None
    year, month, day = (int(part) for part in parts.groups())
    try:
        date(year, month, day)
    except ValueError:
        return None
    return today.year - year - ((today.month, today.day) < (month, day))
