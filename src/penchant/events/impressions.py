"""Lists that were shown: the cause that later events may name."""

from collections.abc import Sequence
from typing import Protocol

from penchant.types import Impression, Logged, Pseudonym


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
