"""Lists that were shown: the cause that later events may name."""

from collections.abc import Sequence
from typing import Protocol

from penchant.types import Event, Impression, Logged, Pseudonym

ANSWERED = 86_400.0
"""Seconds for which what is taken counts as following a list that showed it."""
LOOKED_AT = 20
"""Newest lists of a person that are looked through."""


class ImpressionLog(Protocol):
    """One row for every list shown."""

    def append(self, impressions: Sequence[Impression]) -> None:
        """Write them; durable when this returns."""
        ...

    def get(self, recommendation_id: str) -> Impression | None: ...

    def of_user(self, person: Pseudonym, last: int) -> list[Impression]:
        """The person's newest lists, newest first."""
        ...

    def joined(self, recommendation_id: str) -> list[Logged]:
        """Events that carry this ``recommendation_id``, in log order."""
        ...

    def follow(self, after: int, limit: int) -> list[tuple[int, Impression]]:
        """Up to ``limit`` lists with a number above ``after``, and the number, in the order of writing.

        Numbers begin at 1, rise, and are not used again.
        """
        ...

    def named(self) -> dict[int, str]:
        """Log position → ``recommendation_id``, of every event that carries one."""
        ...


def propensity(shown: ImpressionLog, event: Event) -> float:
    """With what propensity a list had shown the event's item to its person; 0 where none had.

    The list that the event names, else the newest one of the day before that holds the item.
    """
    named = shown.get(event.recommendation_id) if event.recommendation_id else None
    if named is not None and named.user_id != event.user_id:
        named = None  # Somebody else's, or made up.
    lists = shown.of_user(Pseudonym(event.user_id), LOOKED_AT) if named is None else [named]
    for one in lists:
        if named is None and not 0 <= event.timestamp - one.timestamp <= ANSWERED:
            continue
        for item in one.items:
            if item.item_id == event.item_id:
                return item.propensity
    return 0.0
