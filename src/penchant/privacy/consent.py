"""What a person agreed to."""

from typing import Protocol

import msgspec

from penchant.types import Pseudonym


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """``profiling``: lists may follow the person's taste, and their events may train the model.
    ``experiments``: lists may be drawn to learn from them, and the person may be in an arm.

    Both default to true: the shop asked at its own door. A ``False`` holds from the next request on.
    """

    profiling: bool = True
    experiments: bool = True


class ConsentStore(Protocol):
    """Who agreed to what, durable once ``set`` returns."""

    def get(self, person: Pseudonym) -> Consent:
        """The person's choice; the default where none was made."""
        ...

    def set(self, person: Pseudonym, consent: Consent) -> None: ...

    def opted_out(self) -> frozenset[Pseudonym]:
        """Everybody whose events must not train."""
        ...
