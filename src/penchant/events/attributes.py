"""What a shop knows of its people beside what they did: a household's size, a city, a kind of membership."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from penchant.privacy.consent import ConsentStore
from penchant.types import Pseudonym

Attributes = Mapping[str, str]
"""Names and values, both texts as they came; empty for a stranger."""


class AttributeStore(Protocol):
    """Attributes by person; answers :class:`~penchant.privacy.erasure.Erasable` too."""

    def replace(self, known: Mapping[Pseudonym, Attributes]) -> int:
        """Put these in the place of all that was known of each; an empty mapping removes it.

        Returns how many people differ from before. Durable when this returns.
        """
        ...

    def attributes_of(self, person: Pseudonym) -> Attributes:
        """All that is known of the person."""
        ...

    def many(self, people: Sequence[Pseudonym]) -> dict[Pseudonym, Attributes]:
        """Of those among ``people`` of whom anything is known."""
        ...

    def count(self) -> int:
        """Of how many people anything is known."""
        ...


@dataclass(frozen=True, slots=True)
class ConsentedAttributes:
    """A store as training and serving see it: nothing of people who opted out of profiling."""

    store: AttributeStore
    consent: ConsentStore

    def attributes_of(self, person: Pseudonym) -> Attributes:
        """What lists for the person may follow."""
        return self.store.attributes_of(person) if self.consent.get(person).profiling else {}

    def of_each(self, people: Sequence[Pseudonym]) -> list[Attributes]:
        """What may train, one mapping a person, in order."""
        out = self.consent.opted_out()
        known = self.store.many([person for person in people if person not in out])
        return [known.get(person, {}) for person in people]
