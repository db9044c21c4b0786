"""An experiment: people fall into arms by hash, and an arm may keep the weights that it began with."""

from collections.abc import Mapping
from hashlib import blake2b

from penchant.errors import PenchantError
from penchant.privacy.consent import ConsentStore
from penchant.taste.tracker import TasteTracker
from penchant.types import Pseudonym


class Arms:
    """Who is in which arm: the same for as long as the experiment has its name.

    >>> arms = Arms("spring", {"new": 0.5, "old": 0.5})
    >>> [arms.of(Pseudonym(f"p{n}")) for n in range(4)]
    ['new', 'new', 'old', 'new']
    >>> arms.of(None)
    ''
    """

    def __init__(self, name: str, shares: Mapping[str, float]) -> None:
        """``name`` is drawn by, so that another experiment divides people anew; ``shares`` add up to 1 at
        most. Who is beyond them is in no arm."""
        self._name = name
        self._shares = dict(shares)

    def of(self, person: Pseudonym | None) -> str:
        """The person's arm; empty for one who is in none, and for nobody."""
        if person is None or not self._shares:
            return ""
        digest = blake2b(f"{self._name}\0{person}".encode(), digest_size=8).digest()
        place = int.from_bytes(digest) / 2**64
        for arm, share in self._shares.items():
            place -= share
            if place < 0:
                return arm
        return ""


class Experiment:
    """Arms, and the states of those that have a snapshot of their own.

    An arm in ``pinned`` is served with that tracker, whatever is learned or promoted meanwhile. An arm in
    ``missing`` should have one and has none: its people get what serves, and no list is logged as its own.
    """

    def __init__(
        self,
        arms: Arms | None = None,
        pinned: Mapping[str, TasteTracker] | None = None,
        missing: Mapping[str, str] | None = None,
        consent: ConsentStore | None = None,
    ) -> None:
        """``missing`` says why each is. Who opted out of experiments by ``consent`` is in no arm."""
        self._arms = arms or Arms("", {})
        self.pinned = dict(pinned or {})
        self.missing = dict(missing or {})
        self._consent = consent

    def arm_of(self, person: Pseudonym | None) -> str:
        """The arm that a list of the person belongs to; empty where it belongs to none."""
        arm = self._arms.of(person)
        return "" if not arm or arm in self.missing or not self._takes_part(person) else arm

    def _takes_part(self, person: Pseudonym | None) -> bool:
        """Not where it is not known either: then nothing is to be learned of the person."""
        if self._consent is None or person is None:
            return True
        try:
            return self._consent.get(person).experiments
        except PenchantError:
            return False

    def tracker_of(self, person: Pseudonym | None, serves: TasteTracker | None) -> TasteTracker | None:
        """The one that reads the person: of an arm with weights of its own, else the one that ``serves``."""
        return self.pinned.get(self.arm_of(person), serves) if self.pinned else serves
