"""What follows from the size of a shop: the same settings serve fifty people and millions.

An *epoch* is what lies between two validations. Where a pass over the log is short it is several passes,
where one is very long it is a part that is drawn anew each time.
"""

from dataclasses import dataclass

import numpy as np

from penchant.model.examples import Questions
from penchant.model.histories import Histories, IntArray
from penchant.model.settings import ModelSettings

PASS_STEPS = 16
"""Steps of a pass at least, while batches have at least :data:`SMALL_BATCH`. A shop of 60 people has 200
questions: one batch of 512 is one step a pass, and patience of 3 epochs was over after 4 steps."""

SMALL_BATCH, SMALL_SIDE = 32, 4
"""Questions of a batch, or people side by side, that are not halved for the sake of more steps."""

EVENTS_EACH = 4
"""Events of a batch of windows at most, for each question of a batch of prefixes."""

EPOCH_STEPS, MOST_STEPS = 50, 2000
"""Steps of an epoch at least and at most. After fewer a validation of few people tells chance from progress
no better; 2000 steps take about 3 minutes on one core, and a checkpoint should not come later."""

SCORES_A_STEP = 300_000
"""Scores of validation for each step of training: a tenth of the time. A step of 512 questions takes as long
as 3 million scores (4.7 s for 5,000 moments and 12,101 items, .1 s a step)."""

LEAST_ASKED = 500
"""Moments that are asked however many items there are: two trainings are told apart by .002 with them."""

DIALS_SCORES = 1_000_000_000
"""Scores by which dials are set, at the end: about a minute. At a million items that is 1,000 moments."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of what.

    Attributes:
        short: each prefix of a history is an example of its own, else histories are read in windows.
        dropout: share of activations dropped.
        batch: questions of a batch where histories are short; people side by side where they are long.
        passes: in an epoch. share: of the questions, or of the people, in a pass; 1 for all.
        asked: held-out moments that tell when to stop. dialled: those that set the dials.
    """

    short: bool
    dropout: float
    batch: int
    passes: int
    share: float
    asked: int
    dialled: int

    @classmethod
    def of(cls, histories: Histories, questions: Questions, n_items: int, settings: ModelSettings) -> "Sizes":
        """Those of a training on ``questions`` about ``n_items`` items."""
        short = mostly_short(histories, settings.short)
        if short:
            batch = _between(settings.batch, SMALL_BATCH, len(questions) // PASS_STEPS)
            steps = len(questions) / batch
        else:
            people = len(np.unique(questions.people))
            runs = histories.events / settings.window
            side = max(1, EVENTS_EACH * settings.batch // settings.window)
            batch = _between(side, SMALL_SIDE, int(runs / PASS_STEPS))
            steps = max(people, runs) / batch
        passes = max(1, int(np.ceil(EPOCH_STEPS / max(steps, 1))))
        share = min(1.0, MOST_STEPS / max(steps, 1))
        asked = int(SCORES_A_STEP * max(steps * passes * share, EPOCH_STEPS) / max(n_items, 1))
        return cls(
            short=short,
            dropout=settings.dropout if short else settings.dropout_long,
            batch=batch,
            passes=passes,
            share=share,
            asked=max(LEAST_ASKED, asked),
            dialled=max(LEAST_ASKED, DIALS_SCORES // max(n_items, 1)),
        )

    def part(self, questions: Questions, rng: np.random.Generator) -> Questions:
        """Questions of one pass: all, or a share of them or of the people, drawn anew by each call."""
        if self.share >= 1:
            return questions
        if self.short:
            return questions.take(_some(len(questions), self.share, rng))
        people = np.unique(questions.people)
        chosen = people[_some(len(people), self.share, rng)]
        return questions.take(np.flatnonzero(np.isin(questions.people, chosen)))


def mostly_short(histories: Histories, most: int) -> bool:
    """Whether nine people of ten have at most ``most`` events.

    >>> from penchant.model.histories import histories_of
    >>> mostly_short(histories_of([[1, 2], [3]]), 2), mostly_short(histories_of([[1, 2], [3]]), 1)
    (True, False)
    """
    lengths = histories.lengths()
    lengths = lengths[lengths > 0]
    return not len(lengths) or bool(np.quantile(lengths, 0.9) <= most)


def _between(wanted: int, least: int, suits: int) -> int:
    """As much as suits the data, from ``least`` to what is wanted."""
    return max(1, min(wanted, max(least, suits)))


def _some(count: int, share: float, rng: np.random.Generator) -> IntArray:
    return np.sort(rng.permutation(count)[: max(1, round(share * count))])
