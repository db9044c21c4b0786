"""What people decide: it holds in every process of the server when it is answered."""

from typing import Any

import msgspec

from penchant.app.engine import Engine
from penchant.app.others import Elsewhere, Others
from penchant.app.shop import Shop
from penchant.privacy.consent import Consent
from penchant.privacy.erasure import Erasable
from penchant.privacy.rights import Rights
from penchant.types import Pseudonym

FLUSH_SECONDS = 5.0
"""For the lists of a person to be in the log before they are counted and erased."""


class Choices:
    """Consent, export and erasure, for the process that writes; the ``others`` are told."""

    def __init__(self, shop: Shop, engine: Engine, others: Others) -> None:
        self._shop = shop
        self._engine = engine
        self._others = others

    def rights(self) -> Rights:
        """Every store; caches first, and those of other processes before our own: their lists come here."""
        own = self._engine.caches()
        names = dict.fromkeys(cache.erasable_name for cache in own)
        elsewhere: list[Erasable] = [Elsewhere(self._others, name) for name in names]
        return Rights([*elsewhere, *own, *self._shop.stores()], self._shop.consent, self._shop.ledger)

    def consent_to(
        self, person: Pseudonym, profiling: bool | None = None, experiments: bool | None = None
    ) -> dict[str, Any]:
        """Set what is not None; what holds then, from the next request on."""
        with self._engine.lock:  # Two changes at once must not undo each other.
            known = self._shop.consent.get(person)
            wanted = Consent(
                profiling=known.profiling if profiling is None else profiling,
                experiments=known.experiments if experiments is None else experiments,
            )
            self.set_consent(person, wanted)
        return msgspec.to_builtins(wanted)

    def set_consent(self, person: Pseudonym, consent: Consent) -> None:
        """From now on; what the person did counts for all or not at all."""
        wanted = consent.profiling
        with self._engine.lock:  # No event comes in between.
            before = self._shop.consent.get(person).profiling
            self._others.tell("consent-comes", person, wanted)
            self._engine.consent_comes(person, wanted)
            self._shop.consent.set(person, consent)
            self._others.tell("consent-came", person, before, wanted)
            self._engine.consent_came(person, before, wanted)
            if not wanted:
                for store in (self._shop.learned, self._shop.offered):
                    store.erase_person(person)

    def erase(self, person: Pseudonym) -> dict[str, Any]:
        """Remove all that is held on the person; what was removed, by store."""
        with self._engine.wholeness.set_aside(), self._engine.lock:
            self._engine.writer.flush(FLUSH_SECONDS)
            self._others.tell("let-go", person)
            self._engine.let_go(person)
            erasure = self.rights().erase(person, self._shop.clock())
            self._others.tell("gone", person)
            self._engine.gone(person)
            # Lists that were made of the person while the log was still there.
            for store in (self._engine.writer, self._shop.impressions):
                store.erase_person(person)
        return msgspec.to_builtins(erasure)
