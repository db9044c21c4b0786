"""Decisions in memory, and an outlet that keeps what it is given."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from penchant.decide.sending import Letter
from penchant.errors import NotFound, Unreachable
from penchant.events.decisions import Decided, Offered, Step, folded, has_changed
from penchant.types import Pseudonym


class InMemoryDecisions:
    """:class:`~penchant.events.decisions.DecisionLog`."""

    def __init__(self, offered: "InMemoryOffered | None" = None) -> None:
        self._steps: dict[str, list[Step]] = {}
        self._offered = InMemoryOffered() if offered is None else offered

    def add(
        self,
        steps: Sequence[tuple[str, Step]],
        expected: Mapping[str, int] | None = None,
        offers: Mapping[str, Sequence[Offered]] | None = None,
    ) -> None:
        for name, count in (expected or {}).items():
            if len(self._steps.get(name, [])) != count:
                raise has_changed(name)
        new = {name for name, step in steps if step.decision is not None}
        for name, _ in steps:
            if name not in self._steps and name not in new:
                raise NotFound(f"there is no decision {name!r}")
        for name, step in steps:
            self._steps.setdefault(name, []).append(step)
        for name, people in (offers or {}).items():
            self._offered.add(name, people)

    def get(self, decision: str) -> Decided | None:
        steps = self._steps.get(decision)
        return folded(steps) if steps else None

    def find(
        self, *, kind: str = "", state: str = "", subject: str = "", due: bool = False, limit: int = 0
    ) -> list[Decided]:
        found = [
            one
            for one in map(folded, reversed(self._steps.values()))
            if kind in ("", one.decision.kind)
            and state in ("", one.state)
            and subject in ("", one.decision.subject)
            and (one.due or not due)
        ]
        return found[: limit or None]


class InMemoryOffered:
    """:class:`~penchant.events.decisions.OfferedLog` and ``Erasable``."""

    erasable_name = "offered"

    def __init__(self) -> None:
        self._held: dict[tuple[str, Pseudonym], Offered] = {}

    def add(self, decision: str, offers: Sequence[Offered]) -> None:
        self._held |= {(decision, one.person): one for one in offers}

    def of(self, decision: str) -> list[Offered]:
        return [self._held[key] for key in sorted(self._held) if key[0] == decision]

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [
            {"decision": name} | msgspec.to_builtins(one)
            for (name, whose), one in self._held.items()
            if whose == person
        ]

    def erase_person(self, person: Pseudonym) -> int:
        gone = [key for key in self._held if key[1] == person]
        for key in gone:
            del self._held[key]
        return len(gone)


class KeptLetters:
    """:class:`~penchant.decide.sending.Outlet` that loses its way after ``most`` letters, if that is given.

    ``arrived`` holds every letter that came, those of which nobody heard that they came among them.
    """

    def __init__(self, most: int | None = None, *, lost: bool = False) -> None:
        """``lost``: the letter at which it breaks has arrived."""
        self.arrived: list[Letter] = []
        self.most = most
        self._lost = lost

    def deliver(self, letters: Sequence[Letter]) -> Iterator[Letter]:
        for count, letter in enumerate(letters):
            broken = self.most is not None and count >= self.most
            if not broken or self._lost:
                self.arrived.append(letter)
            if broken:
                raise Unreachable("nobody answers")
            yield letter
