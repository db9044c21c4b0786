"""What a person told us about their own taste: less of this, never that."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.errors import InvalidInput
from penchant.types import Pseudonym

Kind = Literal["category", "brand", "item"]
Weight = Literal["never", "less", "normal", "more"]

STEP = 1.5
"""How far ``less`` and ``more`` move an item, in standard deviations of the person's scores."""

MOST = 200
"""Corrections kept for one person."""


class Correction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One wish. ``name`` is a category at any level, a brand, or an item id; ``normal`` takes a wish back.

    >>> msgspec.convert({"kind": "brand", "name": "OPI", "weight": "less"}, Correction).weight
    'less'
    """

    kind: Kind
    name: str
    weight: Weight


class Corrections(Protocol):
    """A store of wishes; answers :class:`~penchant.privacy.erasure.Erasable` too."""

    def get(self, person: Pseudonym) -> tuple[Correction, ...]:
        """The person's wishes, empty where there are none."""
        ...

    def set(self, person: Pseudonym, corrections: Sequence[Correction]) -> None:
        """Replace all wishes of the person; durable when this returns."""
        ...


class CorrectionsInMemory:
    """Wishes for a process without a disk: examples, tests, a trial."""

    erasable_name = "taste-corrections"

    def __init__(self) -> None:
        self._kept: dict[Pseudonym, tuple[Correction, ...]] = {}

    def get(self, person: Pseudonym) -> tuple[Correction, ...]:
        return self._kept.get(person, ())

    def set(self, person: Pseudonym, corrections: Sequence[Correction]) -> None:
        self._kept[person] = tuple(corrections)

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(wish) for wish in self.get(person)]

    def erase_person(self, person: Pseudonym) -> int:
        return len(self._kept.pop(person, ()))


def merged(before: Sequence[Correction], wishes: Sequence[Correction]) -> tuple[Correction, ...]:
    """Old wishes with the new ones over them; ``normal`` removes one.

    Raises:
        InvalidInput: too many, or one without a name.

    >>> less = Correction(kind="brand", name="OPI", weight="less")
    >>> merged([less], [Correction(kind="brand", name="OPI", weight="normal")])
    ()
    """
    table = {(wish.kind, wish.name): wish for wish in (*before, *wishes)}
    kept = tuple(wish for wish in table.values() if wish.weight != "normal")
    if any(not wish.name for wish in kept):
        raise InvalidInput("a correction needs the name of a category, brand or item; received an empty one")
    if len(kept) > MOST:
        raise InvalidInput(
            f"{len(kept)} corrections are too many: at most {MOST} are kept; take some back first"
        )
    return kept


def wished(wish: Correction, view: CatalogView) -> NDArray[np.bool_]:
    """Rows that a wish is about, shape (len(view),)."""
    if wish.kind == "item":
        return np.arange(len(view)) == view.row(wish.name)
    if wish.kind == "brand":
        code = view.brands.find(wish.name)
        return view.brand == code if code >= 0 else np.zeros(len(view), dtype=bool)
    inside = [
        code
        for code, name in enumerate(view.categories.names)
        if name == wish.name or name.startswith(wish.name + " > ")
    ]
    return np.isin(view.category, np.array(inside, dtype=np.int32))


def never(wishes: Sequence[Correction], view: CatalogView) -> NDArray[np.bool_]:
    """Rows that must not be shown, shape (len(view),)."""
    hidden = np.zeros(len(view), dtype=bool)
    for wish in wishes:
        if wish.weight == "never":
            hidden |= wished(wish, view)
    return hidden


def shift(wishes: Sequence[Correction], view: CatalogView) -> NDArray[np.float32]:
    """Change of score in standard deviations, shape (len(view),)."""
    change = np.zeros(len(view), dtype=np.float32)
    for wish in wishes:
        if wish.weight in ("less", "more"):
            change[wished(wish, view)] += STEP if wish.weight == "more" else -STEP
    return change
