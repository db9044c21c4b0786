"""Which names come often, and which of them may be named: categories, and words that people search for."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import msgspec

MOST_NAMES = 512
"""Names that are counted; those that come least make room."""
FAST, SLOW = 0.2, 0.01
"""Share of one block in what is recent and in what is usual."""


class Name(msgspec.Struct, kw_only=True):
    """One name: its text once enough people used it, until then only who did.

    Attributes:
        text: empty until ``people`` had as many as are needed.
        people: pseudonyms, fewer than needed; none once the text is known.
        recent, usual: share of rows that have it, in the last five blocks or so and in the last hundred.
    """

    text: str = ""
    people: list[str] = []
    recent: float = 0.0
    usual: float = 0.0


class Names:
    """Names under keys. The text of a name is kept and shown from the ``least``-th person on.

    >>> words = Names(least=2)
    >>> rare, common = words.key("anna's surgery", "anna"), words.key("tea", "anna")
    >>> words.key("tea", "ben") == common, words.text(common), words.text(rare)
    (True, 'tea', '')
    """

    def __init__(self, least: int, known: Mapping[str, Name] | None = None) -> None:
        self._least = least
        self.known: dict[str, Name] = dict(known or {})

    def key(self, text: str, person: str) -> str:
        """What rows call the name: a hash where it must be shared, as a rare one may give a person away."""
        key = text if self._least <= 1 else blake2b(text.encode(), digest_size=8).hexdigest()
        name = self.known.setdefault(key, Name())
        if not name.text and person not in name.people:
            name.people = [*name.people, person]
            if len(name.people) >= self._least:
                name.text, name.people = text, []
        return key

    def text(self, key: str) -> str:
        """The name itself, empty where too few people used it."""
        name = self.known.get(key)
        return name.text if name else ""

    def fade(self, shares: Mapping[str, float], blocks: int, held: Iterable[str] = ()) -> None:
        """After block number ``blocks``: share of its rows that have each key; ``held`` are never dropped."""
        fast, slow = max(FAST, 1 / blocks), max(SLOW, 1 / blocks)
        for key, name in self.known.items():
            share = shares.get(key, 0.0)
            name.recent += fast * (share - name.recent)
            name.usual += slow * (share - name.usual)
        if len(self.known) > MOST_NAMES:
            by_share = sorted(self.known, key=lambda key: -self.known[key].recent)
            self.known = {key: self.known[key] for key in {*by_share[:MOST_NAMES], *held} & self.known.keys()}

    def frequent(self, most: int, share: float) -> list[str]:
        """Keys of at most so many names that have at least ``share`` of the rows; the most frequent first."""
        shown = [key for key, name in self.known.items() if name.text and name.recent >= share]
        return sorted(shown, key=lambda key: (-self.known[key].recent, key))[:most]

    def largest(self, shares: Mapping[str, float], others: Iterable[str]) -> float:
        """The largest share of a name that may be told, not counting ``others``."""
        left = shares.keys() - set(others)
        return max((shares[key] for key in left if self.text(key)), default=0.0)

    def riser(self, others: Iterable[str], blocks: int) -> tuple[str, float, float]:
        """The name that gained most in so many blocks, not counting ``others``: its text, before and after.

        The text is empty where no name may be told.
        """
        left = self.known.keys() - set(others)
        shown = [self.known[key] for key in sorted(left) if self.known[key].text]
        found = max(shown, key=lambda name: name.recent - name.usual, default=Name())
        # Both are on their way from what was to what is; one is faster.
        still_fast, still_slow = (1 - FAST) ** blocks, (1 - SLOW) ** blocks
        moved = (found.recent - found.usual) / (still_slow - still_fast)
        before = found.usual - (1 - still_slow) * moved
        return found.text, before, before + moved

    def people(self) -> set[str]:
        """Who used a name that is not shown yet."""
        return {person for name in self.known.values() for person in name.people}

    def of_person(self, person: str) -> list[str]:
        """Keys of names that are not shown yet and that this person used."""
        return [key for key, name in self.known.items() if person in name.people]

    def erase_person(self, person: str) -> int:
        """Take a person off all names; how many there were."""
        mine = self.of_person(person)
        for key in mine:
            left = [other for other in self.known[key].people if other != person]
            self.known[key].people = left
            if not left:
                del self.known[key]
        return len(mine)
