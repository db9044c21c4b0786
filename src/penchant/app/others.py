"""The other processes of a server, as what follows the log sees them."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from penchant.types import Pseudonym


class Others(Protocol):
    """Whoever changes what they hold in memory tells them, and goes on when none holds it any more."""

    def tell(self, name: str, *given: Any) -> list[Any]:
        """Ask each of them to do ``name``; what each gave. One that does not answer is killed: it may not go
        on with what it holds."""
        ...


class _Nobody:
    def tell(self, name: str, *given: Any) -> list[Any]:
        del name, given
        return []


NOBODY: Final[Others] = _Nobody()
"""A server of one process."""


class Elsewhere:
    """What the other processes hold on people in their caches of one name;
    :class:`~penchant.privacy.erasure.Erasable`."""

    def __init__(self, others: Others, erasable_name: str) -> None:
        self._others = others
        self.erasable_name = erasable_name

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        found: list[list[dict[str, Any]]] = self._others.tell("export", self.erasable_name, person)
        return [record for records in found for record in records]

    def erase_person(self, person: Pseudonym) -> int:
        return sum(self._others.tell("erase", self.erasable_name, person))


def packed(given: Sequence[Any]) -> bytes:
    """Arguments of a call, or what it gave."""
    return msgspec.msgpack.encode(given)
