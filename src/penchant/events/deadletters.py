"""Where refused records wait for repair. Nothing vanishes."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from penchant.types import DeadLetter


class DeadLetters(Protocol):
    """Refused records with their reason."""

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Keep them; durable when this returns. The same letter (source, row, code, content) once only."""
        ...

    def all(self) -> Iterator[tuple[int, DeadLetter]]:
        """Every letter with its number, oldest first."""
        ...

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget letters that were repaired and are in the log now."""
        ...

    def counts(self) -> dict[str, int]:
        """How many for each ``code``."""
        ...
