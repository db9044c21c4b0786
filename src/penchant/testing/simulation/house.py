"""What is simulated: the parts of one server process and of the learner beside it, open on one folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.events.intake import IntakeResult
from penchant.events.log import EventLog

Records = list[dict[str, Any]]
Floats = NDArray[np.floating[Any]]


class House(Protocol):
    """Made anew after each end of the process. Any method may raise a ``PenchantError``: the disk fails."""

    @property
    def log(self) -> EventLog:
        """The log as the server reads it."""
        ...

    def take(self, requests: Sequence[Records]) -> list[IntakeResult]:
        """The events of some requests; durable when it returns."""
        ...

    def hear(self) -> None:
        """All that follows the log in the server hears what is new in it."""
        ...

    def serves(self) -> bool:
        """Whether there is a model to answer with; it may be missing for as long as the disk fails."""
        ...

    def state(self, user_id: str) -> Floats | None:
        """What the server holds on a person, as numbers; None for a stranger."""
        ...

    def fresh_state(self, user_id: str) -> Floats | None:
        """The same read from the log anew, by somebody who heard of nothing."""
        ...

    def forget(self, user_id: str) -> None:
        """The person's state leaves the memory."""
        ...

    def effects(self) -> Floats:
        """Counts that every event in the log moves once, as the server holds them."""
        ...

    def fresh_effects(self) -> Floats:
        """The same counted from the log anew."""
        ...

    def item_ids(self) -> list[str]:
        """The id table: append-only."""
        ...

    def learn(self) -> None:
        """The learner follows the log."""
        ...

    def learned(self) -> Floats | None:
        """What the learner counted up to where it follows; None where there is no learner."""
        ...

    def fresh_learned(self) -> Floats:
        """The same by a learner that never was interrupted."""
        ...

    def restart_learner(self) -> None:
        """The learner's process is killed and begins again."""
        ...

    def checkpoint(self) -> None:
        """SQLite copies its write-ahead log back into the file."""
        ...

    def close(self) -> None:
        """End the process in good order; after a crash nothing of it reaches the disk."""
        ...


Open = Callable[[Path, Callable[[], float]], House]
"""Opens a folder, with a clock of unix seconds."""
