"""Judgements on events and people that stay in the log but do not train."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.types import Pseudonym


class Marks(Protocol):
    """Outcome of the cleaning steps that need the whole log: refunded, bot, wholesaler, outlier.

    Replaced as a whole by each run.
    """

    def replace(
        self, events: Mapping[str, NDArray[np.int64]], people: Mapping[str, Sequence[Pseudonym]]
    ) -> None:
        """Store the marks: reason → log positions, and reason → people."""
        ...

    def marked_events(self) -> dict[str, NDArray[np.int64]]: ...

    def marked_people(self) -> dict[str, list[Pseudonym]]: ...
