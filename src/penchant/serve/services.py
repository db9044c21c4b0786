"""Everything that the HTTP door and the console need, handed in by ``app.py`` as one frozen record.

Outside ids become pseudonyms once, by ``Services.pseudonym``; every use case takes the pseudonym. The
calls may block (disk, model): the door runs them in a thread.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from penchant.privacy.consent import Consent
from penchant.types import Impression, Item, Logged, Pseudonym, Recommendation


class Rejected(msgspec.Struct, frozen=True):
    """One refused record of a batch, by its ``index`` in it from 0."""

    index: int
    code: str
    message: str


class IntakeResult(msgspec.Struct, frozen=True):
    """What became of a batch of events; accepted ones are durable and the tracker knows them."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]


class PersonSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A person in the console's list: ``id`` is the pseudonym."""

    id: str
    label: str
    events: int


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """``ready`` is false with ``reasons``; ``snapshot`` is empty while only fallback lists are made."""

    ready: bool
    reasons: list[str] = []
    snapshot: str = ""
    log_position: int = 0
    learner: str = ""
    states: int = 0


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of the console's first page. ``last_import``: unix seconds, None if there was none."""

    events: int
    people: int
    items: int
    opted_out: int
    snapshot: str = ""
    metrics: dict[str, float] = {}
    last_import: float | None = None


class EventDoor(Protocol):
    """Validates, writes and tells the taste tracker. A refused record does not stop the others."""

    def take_in(self, records: Sequence[Mapping[str, Any]]) -> IntakeResult:
        """Records from outside: ``user_id`` is the shop's own."""
        ...

    def act(self, person: Pseudonym, record: Mapping[str, Any]) -> IntakeResult:
        """One event by somebody picked in the console; ``record`` has no ``user_id``."""
        ...


class Lists(Protocol):
    """What to show."""

    def recommend(
        self,
        person: Pseudonym | None,
        n: int,
        placement: str,
        *,
        context_item: str | None = None,
        exclude: Iterable[str] = (),
    ) -> Impression: ...

    def similar(self, item_id: str, n: int) -> list[Recommendation]:
        """Raises NotFound for an unknown item."""
        ...

    def search(self, query: str, n: int, person: Pseudonym | None) -> list[Recommendation]: ...


class Taste(Protocol):
    """What is known of somebody's taste; records are JSON-able."""

    def profile(self, person: Pseudonym) -> dict[str, Any]:
        """``taste.profile.TasteProfile`` as built-ins, with ``corrections``."""
        ...

    def correct(self, person: Pseudonym, corrections: Mapping[str, Any]) -> dict[str, Any]:
        """Apply and return the new profile. Raises InvalidInput."""
        ...


class Items(Protocol):
    """The catalogue. ``upsert`` checks all records before it writes any, and raises InvalidInput."""

    def upsert(self, records: Sequence[Mapping[str, Any]]) -> int: ...
    def delete(self, item_ids: Sequence[str]) -> int: ...
    def many(self, item_ids: Sequence[str]) -> dict[str, Item]: ...


class Rights(Protocol):
    """Consent, export and erasure."""

    def consent(self, person: Pseudonym) -> Consent: ...
    def set_consent(self, person: Pseudonym, consent: Consent) -> None: ...
    def export(self, person: Pseudonym) -> dict[str, Any]: ...
    def erase(self, person: Pseudonym) -> dict[str, Any]: ...


class Keys(Protocol):
    """API keys, compared in constant time."""

    def verify(self, token: str) -> frozenset[str] | None:
        """Scopes among ``events``, ``read`` and ``admin``; None for a key that nobody was given."""
        ...


class Pages(Protocol):
    """What only the console and the health routes ask for."""

    def readiness(self) -> Readiness: ...
    def overview(self) -> Overview: ...
    def people(self, limit: int) -> list[PersonSummary]: ...

    def history(self, person: Pseudonym, last: int) -> list[Logged]:
        """Oldest first."""
        ...

    def data_quality(self) -> str | None:
        """A whole HTML page; None where there is none yet."""
        ...

    def evaluation(self) -> str | None:
        """A whole HTML page; None where there is none yet."""
        ...


class Identify(Protocol):
    """Keyed hash of the shop's own user id."""

    def __call__(self, user_id: str, /) -> Pseudonym: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """``console_token`` works once, in the address that ``penchant serve`` prints; None: no such address."""

    shop: str
    pseudonym: Identify
    events: EventDoor
    lists: Lists
    taste: Taste
    items: Items
    rights: Rights
    keys: Keys
    pages: Pages
    currency: str = ""
    console_token: str | None = None
