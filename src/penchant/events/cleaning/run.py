"""All cleaning steps over a log, in order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.events.cleaning.outliers import FindOutliers
from penchant.events.cleaning.people import FindBots, FindWholesalers
from penchant.events.cleaning.refunds import MatchRefunds
from penchant.events.cleaning.step import Found, Step
from penchant.events.log import EventColumns, EventLog
from penchant.events.marks import Marks, StepReport
from penchant.settings import CleaningSettings
from penchant.types import Pseudonym

STEPS: tuple[Step, ...] = (MatchRefunds(), FindBots(), FindWholesalers(), FindOutliers())
DOOR: Mapping[str, Sequence[str]] = {
    "conflicting event_ids": ("conflict",),
    "impossible times": ("future", "too-early", "not-a-time", "missing-timestamp"),
    "impossible prices, quantities and values": (
        "negative", "not-finite", "too-large", "not-a-number", "rating-range", "missing-value",
    ),
    "missing or unusable ids": ("missing-user_id", "missing-item_id", "empty", "not-text"),
    "unreadable rows": ("ragged", "bad-csv", "bad-json", "encoding", "control-character", "too-long"),
}  # fmt: skip
"""Steps at the door, done by validation: what they are called → codes of their dead letters."""


@dataclass(frozen=True, slots=True, eq=False)
class Cleaned:
    """Marks by reason, and a report for each step."""

    events: dict[str, NDArray[np.int64]]
    people: dict[str, list[Pseudonym]]
    steps: list[StepReport]

    def all_people(self) -> set[Pseudonym]:
        """Whom any step marked."""
        return set[Pseudonym]().union(*self.people.values())

    def all_events(self) -> NDArray[np.int64]:
        """Log positions that any step marked."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *self.events.values()])


def clean(
    columns: EventColumns,
    settings: CleaningSettings,
    steps: Sequence[Step] = STEPS,
    tell: Callable[[str, float], None] | None = None,
) -> Cleaned:
    """Run the steps over a whole log; pure, nothing is stored.

    ``tell`` hears what is looked for and the share of the steps that are done.
    """
    found = list[tuple[Step, Found]]()
    for number, step in enumerate(steps):
        if tell is not None:
            tell(step.about, number / len(steps))
        found.append((step, step.run(columns, settings)))
    return Cleaned(
        events={step.mark: part.events for step, part in found if len(part.events)},
        people={step.mark: list(part.people) for step, part in found if part.people},
        steps=[StepReport(mark=step.mark, about=step.about, counts=part.counts) for step, part in found],
    )


def clean_log(
    log: EventLog,
    marks: Marks,
    settings: CleaningSettings,
    tell: Callable[[str, float], None] | None = None,
) -> list[StepReport]:
    """Look at the whole log and store the marks anew. Marked events and people stay in it.

    The stored marks feed reports, export and erasure; what trains is cleaned afresh, by :func:`clean`.
    """
    cleaned = clean(log.columns(), settings, tell=tell)
    marks.replace(cleaned.events, cleaned.people, cleaned.steps)
    return cleaned.steps


def door_report(letters: Mapping[str, int]) -> list[StepReport]:
    """The steps at the door, from the dead letters' counts by code.

    >>> door_report({"future": 2, "conflict": 1})[1].counts
    {'future': 2}
    """
    rest = sorted(set(letters) - {code for codes in DOOR.values() for code in codes})
    return [
        StepReport(
            mark=name, about="refused at the door", counts={c: letters[c] for c in codes if c in letters}
        )
        for name, codes in (*DOOR.items(), ("other refusals", rest))
    ]
