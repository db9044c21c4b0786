"""The right to be forgotten: what every store of personal data must answer."""

from typing import Any, Protocol, runtime_checkable

from penchant.types import Pseudonym


@runtime_checkable
class Erasable(Protocol):
    """A store that holds something on people. ``testing.erasable_contract`` tests every one."""

    @property
    def erasable_name(self) -> str:
        """What the store is called in reports: ``events``, ``taste-state`` ..."""
        ...

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        """All that is held on a person, as JSON-able records; empty where nothing is."""
        ...

    def erase_person(self, person: Pseudonym) -> int:
        """Remove all of it for good; returns how many records went. Doing it again returns 0."""
        ...
