"""What the HTTP door and the console ask about decisions, as ``app/deciding.py`` answers it."""

from typing import Any, Protocol

from penchant.decide.approval import Person
from penchant.types import Scalar


class DecisionServices(Protocol):
    """``seen``: the number of steps that somebody saw, None for any; Conflict where there are more by now.

    A decision is what :func:`penchant.events.decisions.told` gives, with the ``title`` of its item. A list
    that was shown is one of kind ``list``.
    """

    def decisions(self, kind: str, state: str, limit: int) -> list[dict[str, Any]]:
        """Newest first, of that kind and state; empty for all."""
        ...

    def decision(self, name: str) -> dict[str, Any]:
        """Of a campaign also ``people``, of a list what ``came`` of it. Raises NotFound."""
        ...

    def approve(self, name: str, who: Person, note: str, seen: int | None) -> dict[str, Any]:
        """One person's yes. What is approved by as many as it needs goes out: ``delivery`` says how."""
        ...

    def edit(self, name: str, value: float, who: Person, note: str, seen: int | None) -> dict[str, Any]:
        """Another value instead."""
        ...

    def reject(self, name: str, who: Person, note: str, seen: int | None) -> dict[str, Any]: ...

    def take_back(self, name: str, who: Person, note: str, seen: int | None) -> dict[str, Any]:
        """What was approved holds no more; of what went out the former price does, with ``delivery``."""
        ...

    def outcome(self, name: str, came: dict[str, Scalar], who: Person, note: str) -> dict[str, Any]:
        """What came of it."""
        ...
