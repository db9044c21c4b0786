"""Who follows whom, in memory."""

from collections.abc import Sequence
from typing import Any

from penchant.events.follows import Follow
from penchant.types import Pseudonym


class InMemoryFollows:
    """A :class:`~penchant.events.follows.FollowStore` that is Erasable too."""

    erasable_name = "follows"

    def __init__(self) -> None:
        self._pairs = dict[tuple[Pseudonym, Pseudonym], None]()
        self._changes = 0

    def put(self, rows: Sequence[Follow]) -> int:
        newest = {(row.user_id, row.follows): row.removed for row in rows if row.user_id != row.follows}
        return self._change(
            [pair for pair, removed in newest.items() if removed],
            [pair for pair, removed in newest.items() if not removed],
        )

    def replace(self, person: Pseudonym, followed: Sequence[Pseudonym]) -> int:
        wanted = [(person, one) for one in dict.fromkeys(followed) if one != person]
        gone = [pair for pair in self._pairs if pair[0] == person and pair not in wanted]
        return self._change(gone, wanted)

    def _change(
        self, gone: Sequence[tuple[Pseudonym, Pseudonym]], new: Sequence[tuple[Pseudonym, Pseudonym]]
    ) -> int:
        going = [pair for pair in gone if pair in self._pairs]
        coming = [pair for pair in new if pair not in self._pairs]
        for pair in going:
            del self._pairs[pair]
        self._pairs.update(dict.fromkeys(coming))
        self._changes += bool(going or coming)
        return len(going) + len(coming)

    def holds(self, rows: Sequence[Follow]) -> list[bool]:
        return [(row.user_id, row.follows) in self._pairs for row in rows]

    def of_person(self, person: Pseudonym, most: int | None = None) -> list[Pseudonym]:
        return [other for one, other in reversed(self._pairs) if one == person][:most]

    def all(self) -> list[Follow]:
        return [Follow(user_id=one, follows=other) for one, other in self._pairs]

    def any(self) -> bool:
        return bool(self._pairs)

    def version(self) -> int:
        return self._changes

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [{"follows": one} for one in self.of_person(person)]

    def erase_person(self, person: Pseudonym) -> int:
        theirs = [pair for pair in self._pairs if person in pair]
        return self._change(theirs, [])
