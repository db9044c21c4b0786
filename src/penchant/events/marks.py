"""Judgements on events and people that stay in the log, for those who ask about the log.

They feed ``penchant doctor``, and a person's export and erasure. What trains does not read them but is
cleaned afresh, for events come over HTTP after the run that made these (``learn.data``, ``app.engine``).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.types import Pseudonym


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """One cleaning step's name, what it looks for, and its counts."""

    mark: str
    about: str
    counts: dict[str, int]


class Marks(Protocol):
    """Outcome of the cleaning steps that need the whole log: refunded, bot, wholesaler, outlier.

    Replaced as a whole by each run.
    """

    def replace(
        self,
        events: Mapping[str, NDArray[np.int64]],
        people: Mapping[str, Sequence[Pseudonym]],
        steps: Sequence[StepReport] = (),
    ) -> None:
        """Store the marks, reason → log positions and reason → people, with the counts of the steps."""
        ...

    def marked_events(self) -> dict[str, NDArray[np.int64]]: ...

    def marked_people(self) -> dict[str, list[Pseudonym]]: ...

    def steps(self) -> list[StepReport]:
        """Counts of the run that made these marks, in the order of its steps."""
        ...
