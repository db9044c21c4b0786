"""How finely is watched, and how long until something is called usual."""

from dataclasses import dataclass

from penchant.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSettings:
    """Chosen by ``bench/drift.py``; decision record 14 has the figures.

    Attributes:
        block: rows that are averaged before a detector sees them.
        per_person: rows of one person in a block, at most; so it is of ``block / per_person`` people or more.
        warm_blocks: blocks before a level is known.
        pause: blocks after an alarm without another one of the same stream.
        warm_days: days before the week is known; no alarm before.
        memory: blocks that the level remembers: slower trends are no drift.
        keep: blocks that the detectors are made of again after a restart, at least; twice as many at most.
        columns: names that are watched one by one in each stream.
        share: of the rows that a name must have for that.
        renew: blocks after which the names are chosen anew.
        people: people who must have searched for a word before it may be named.

    Raises:
        InvalidInput: a size below 1, or fewer rows in a block than one person may fill.

    >>> DriftSettings().block // DriftSettings().per_person
    10
    """

    block: int = 100
    per_person: int = 10
    warm_blocks: int = 30
    pause: int = 10
    warm_days: float = 8.0
    memory: int = 100
    keep: int = 64
    columns: int = 40
    share: float = 0.02
    renew: int = 400
    people: int = 5

    def __post_init__(self) -> None:
        for name in ("per_person", "warm_blocks", "pause", "memory", "keep", "columns", "renew", "people"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.block < 2 * self.per_person:
            raise InvalidInput(
                f"a block of {self.block} must hold at least two people's {self.per_person} rows"
            )
