"""The id table: ``item_id`` → integer, append-only, never reused. It belongs to the shop, not to a model."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.events.log import EventColumns


class IdTable(Protocol):
    """Rows are 0, 1, 2 ... in the order of first sight (in the catalogue or in an event)."""

    def __len__(self) -> int: ...

    def rows(self, item_ids: Sequence[str]) -> NDArray[np.int32]:
        """Row of each id; -1 where it is unknown."""
        ...

    def assign(self, item_ids: Sequence[str]) -> NDArray[np.int32]:
        """Row of each id, made where it is new; durable when this returns."""
        ...

    def item_ids(self) -> list[str]:
        """All ids, in the order of their rows."""
        ...

    def digest(self, length: int | None = None) -> str:
        """Hash of the first ``length`` ids: a snapshot keeps it to know its own table again."""
        ...


def id_digest(item_ids: Sequence[str]) -> str:
    """Hash of a list of ids in their order: BLAKE2b with 128 bits, each id led by its length, as hex.

    >>> id_digest(["ab", "c"]) == id_digest(["a", "bc"])
    False
    """
    encoded = [item_id.encode() for item_id in item_ids]
    lengths = np.array([len(one) for one in encoded], dtype="<u4").tobytes()
    return hashlib.blake2b(lengths + b"".join(encoded), digest_size=16).hexdigest()


def rows_of_events(columns: EventColumns, ids: IdTable) -> NDArray[np.int32]:
    """Row in the id table of each event's item, shape (E,); -1 for no item or an unknown one."""
    return np.append(ids.rows(columns.items), np.int32(-1)).astype(np.int32)[columns.item]
