"""What a person told us about their own taste: less of this, never that. Kept with what does not count."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, get_args

import msgspec

from penchant.errors import InvalidInput
from penchant.taste.disregarded import NOTHING, Disregarded
from penchant.types import Pseudonym

Kind = Literal["category", "price", "brand", "word", "item"]
Weight = Literal["never", "less", "normal", "more"]

Level = Literal["low", "middle", "high"]
"""Thirds of the prices in an item's category."""

MOST = 200
"""Corrections kept for one person."""


class Correction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One wish. ``name`` is a category at any level, a brand, an item id, words of a title, or a price level:
    ``low``, ``middle`` or ``high`` for its kind. ``normal`` takes a wish back.

    >>> msgspec.convert({"kind": "brand", "name": "OPI", "weight": "less"}, Correction).weight
    'less'
    """

    kind: Kind
    name: str
    weight: Weight


class Corrections(Protocol):
    """A store of wishes and of what does not count; also :class:`~penchant.privacy.erasure.Erasable`."""

    def get(self, person: Pseudonym) -> tuple[Correction, ...]:
        """The person's wishes, empty where there are none."""
        ...

    def set(self, person: Pseudonym, corrections: Sequence[Correction]) -> None:
        """Replace all wishes of the person; durable when this returns."""
        ...

    def disregarded(self, person: Pseudonym) -> Disregarded:
        """What of the person does not count."""
        ...

    def disregard(self, person: Pseudonym, disregarded: Disregarded) -> None:
        """Replace what does not count; durable when this returns."""
        ...

    def all_disregarded(self) -> dict[Pseudonym, Disregarded]:
        """Of everybody of whom something does not count."""
        ...


def exported(wishes: Sequence[Correction], disregarded: Disregarded) -> list[dict[str, Any]]:
    """Records of an export: each wish, each event by its log position, each present.

    >>> exported([], Disregarded(forgotten=(7,)))
    [{'forgotten': 7}]
    """
    return [
        *(msgspec.to_builtins(wish) for wish in wishes),
        *({"forgotten": position} for position in disregarded.forgotten),
        *({"remembered": position} for position in disregarded.remembered),
        *({"present": msgspec.to_builtins(present)} for present in disregarded.presents),
    ]


class CorrectionsInMemory:
    """Wishes for a process without a disk: examples, tests, a trial."""

    erasable_name = "taste-corrections"

    def __init__(self) -> None:
        self._kept: dict[Pseudonym, tuple[Correction, ...]] = {}
        self._disregarded: dict[Pseudonym, Disregarded] = {}

    def get(self, person: Pseudonym) -> tuple[Correction, ...]:
        return self._kept.get(person, ())

    def set(self, person: Pseudonym, corrections: Sequence[Correction]) -> None:
        self._kept[person] = tuple(corrections)

    def disregarded(self, person: Pseudonym) -> Disregarded:
        return self._disregarded.get(person, NOTHING)

    def disregard(self, person: Pseudonym, disregarded: Disregarded) -> None:
        self._disregarded[person] = disregarded

    def all_disregarded(self) -> dict[Pseudonym, Disregarded]:
        return {person: held for person, held in self._disregarded.items() if held}

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return exported(self.get(person), self.disregarded(person))

    def erase_person(self, person: Pseudonym) -> int:
        gone = len(self.export_person(person))
        self._kept.pop(person, None)
        self._disregarded.pop(person, None)
        return gone


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
        raise InvalidInput("a correction needs the name of what it is about; received an empty one")
    strange = [wish.name for wish in kept if wish.kind == "price" and wish.name not in get_args(Level)]
    if strange:
        raise InvalidInput(f"a price level is {', '.join(get_args(Level))}; received {strange[0][:40]!r}")
    if len(kept) > MOST:
        raise InvalidInput(
            f"{len(kept)} corrections are too many: at most {MOST} are kept; take some back first"
        )
    return kept
