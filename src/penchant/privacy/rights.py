"""What a person may ask for: to see all that is held, and to have it erased."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from penchant.privacy.consent import ConsentStore
from penchant.privacy.erasure import Erasable
from penchant.privacy.ledger import Ledger
from penchant.types import Pseudonym


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure removed: number of records by store."""

    pseudonym: Pseudonym
    removed: dict[str, int]


class Rights:
    """Asks every store of personal data. Caches come first in ``stores``, what they are made of last."""

    def __init__(self, stores: Sequence[Erasable], consent: ConsentStore, ledger: Ledger) -> None:
        self._stores = tuple(stores)
        self._consent = consent
        self._ledger = ledger

    def export(self, person: Pseudonym) -> dict[str, Any]:
        """All that is held, by store, with the pseudonym and the consent that holds now."""
        held: defaultdict[str, list[Any]] = defaultdict(list)  # Two caches may have one name.
        for store in self._stores:
            held[store.erasable_name] += store.export_person(person)
        consent = msgspec.to_builtins(self._consent.get(person))
        return {"pseudonym": person, "consent": consent, "held": dict(held)}

    def erase(self, person: Pseudonym, now: float) -> Erasure:
        """Remove all of it for good.

        The tombstone is written first: an erasure that a crash cuts off is finished by :meth:`resume`.
        """
        self._ledger.begin(person, now)
        removed: Counter[str] = Counter()
        for store in self._stores:
            removed[store.erasable_name] += store.erase_person(person)
        self._ledger.finish(person, now)
        return Erasure(pseudonym=person, removed=dict(removed))

    def resume(self, people: Sequence[Pseudonym], now: float) -> list[Erasure]:
        """Finish what a crash cut off, among the ``people`` who are still in the log."""
        return [self.erase(person, now) for person in self._ledger.unfinished(list(people))]
