"""What this person bought most."""

from collections.abc import Iterator

import numpy as np

from penchant.evaluate.baselines.popularity import popularity, tie_prior
from penchant.evaluate.recommender import Contexts, Scores, Training, blocks, wanted
from penchant.model.histories import Histories
from penchant.types import EventType


class PersonalFrequency:
    """``personal-frequency``: times that the person took the item so far; then by popularity.

    Strong where people buy the same things again (Hu et al., "Modeling personalized item frequency
    information for next-basket recommendation", SIGIR 2020). Counts go on through the test period;
    contexts of one person in order of time cost one pass over that person's events in all.
    """

    name = "personal-frequency"

    def __init__(self) -> None:
        self._target: EventType | None = None
        self._prior: Scores = np.zeros(0, dtype=np.float32)

    def fit(self, training: Training) -> None:
        """Keep popularity, for what the person never took."""
        self._target = training.target
        self._prior = tie_prior(popularity(training.histories, training.items.count, training.target))

    def score_blocks(
        self, histories: Histories, contexts: Contexts, block: int
    ) -> Iterator[tuple[slice, Scores]]:
        """See :class:`Recommender`."""
        liked = wanted(histories, self._target)
        scores = self._prior.copy()
        person, done = -1, 0
        for rows in blocks(len(contexts), block):
            answers = np.empty((rows.stop - rows.start, len(scores)), dtype=np.float32)
            for row in range(rows.start, rows.stop):
                asked, end = int(contexts.people[row]), int(contexts.ends[row])
                if asked != person or end < done:
                    touched = histories.items[histories.offsets[person] : done] if person >= 0 else []
                    scores[touched] = self._prior[touched]
                    person, done = asked, int(histories.offsets[asked])
                new = histories.items[done:end][liked[done:end]]
                np.add.at(scores, new, np.float32(1))
                done = end
                answers[row - rows.start] = scores
            yield rows, answers
