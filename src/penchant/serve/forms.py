"""Forms of the records that the door takes, as JSON schemas of its description.

They say what is good; what else is taken (a number as text, an id as a whole number) is not told.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from penchant.catalog.feeds import ITEM_COLUMNS, MAX_DESCRIPTION
from penchant.events.cells import MAX_INTEGER, Limits
from penchant.events.schema import EVENT_COLUMNS, Column
from penchant.events.tables import EXPOSURES, MOST_DAYS, OFFERS, STOCK
from penchant.taste.corrections import MOST, Kind, Weight
from penchant.taste.disregarded import MOST as MOST_EVENTS
from penchant.types import EVENT_TYPES

Form = dict[str, Any]
_LIMITS = Limits()
_PLAIN = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
"""Without control characters."""
ID: Form = {"type": "string", "minLength": 1, "maxLength": _LIMITS.max_id, "pattern": _PLAIN}
WORDS: Form = {"type": "string", "maxLength": _LIMITS.max_text, "pattern": _PLAIN}
_WHOLE: Form = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}
_OTHER: Form = {"type": ["string", "number", "boolean"]}
_EVENT: Mapping[str, Form] = {
    "type": {"enum": [kind.value for kind in EVENT_TYPES]},
    "timestamp": {"type": ["number", "string"]},
    "value": {"type": "number", "minimum": 0, "maximum": _LIMITS.max_amount},
    "quantity": {"type": "number", "minimum": 0, "maximum": _LIMITS.max_quantity},
    "price": {"type": "number", "minimum": 0, "maximum": _LIMITS.max_price},
    "query": WORDS,
    "text": WORDS,
    "sequence": _WHOLE,
    "position": _WHOLE,
}
_ITEM: Mapping[str, Form] = {
    "title": WORDS,
    "category": WORDS,
    "brand": WORDS,
    "description": {"type": "string", "maxLength": MAX_DESCRIPTION, "pattern": _PLAIN},
    "price": _EVENT["price"],
    "image": WORDS,
    "available": {"type": "boolean"},
}


def _record(columns: Sequence[Column], forms: Mapping[str, Form]) -> Form:
    """An object of these columns; those without a form of their own are ids. Others are kept as they come."""
    return {
        "type": "object",
        "properties": {
            column.name: {**forms.get(column.name, ID), "description": column.rule} for column in columns
        },
        "required": [column.name for column in columns if column.required],
        "additionalProperties": _OTHER,
    }


EVENT = _record(EVENT_COLUMNS, _EVENT)
ITEM = _record(ITEM_COLUMNS, _ITEM)
_ROW: Mapping[str, Form] = {
    "starts": _EVENT["timestamp"],
    "ends": _EVENT["timestamp"],
    "timestamp": _EVENT["timestamp"],
    "discount": {"type": "number", "minimum": 0, "maximum": 1},
    "held_out": {"type": "boolean"},
    "on_hand": {"type": "number", "minimum": 0, "maximum": _LIMITS.max_amount},
    "lead_time_days": {"type": "number", "minimum": 0, "maximum": MOST_DAYS},
}
ROWS: Mapping[str, Form] = {shape.name: _record(shape.columns, _ROW) for shape in (OFFERS, EXPOSURES, STOCK)}
"""Of tables that are sent as rows; whom somebody follows is sent for one person at a time."""
CORRECTIONS: Form = {
    "type": "array",
    "maxItems": MOST,
    "items": {
        "type": "object",
        "properties": {
            "kind": {"enum": list(get_args(Kind))},
            "name": WORDS,
            "weight": {"enum": list(get_args(Weight))},
        },
        "required": ["kind", "name", "weight"],
        "additionalProperties": False,
    },
}
_EVENT_IDS: Form = {"type": "array", "items": ID, "maxItems": MOST_EVENTS}
TASTE: Form = {
    "type": "object",
    "properties": {
        "corrections": CORRECTIONS,
        "forget": {**_EVENT_IDS, "description": "Events of the person's own that no longer count"},
        "remember": {**_EVENT_IDS, "description": "Events that count again"},
        "present": {
            "anyOf": [
                {"type": "boolean"},
                {"type": "object", "properties": {"session_id": ID}, "required": ["session_id"]},
            ],
            "description": "Buying for somebody else begins, in all sessions or in one, or ends",
        },
    },
    "minProperties": 1,
    "additionalProperties": False,
}
