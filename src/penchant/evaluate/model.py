"""The preference model as one of the models that are compared."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from penchant.errors import InvalidInput, NotTrained
from penchant.evaluate.recommender import Contexts, Scores, Training
from penchant.model.attributes import Attributes
from penchant.model.examples import Questions
from penchant.model.histories import FloatArray, Histories
from penchant.model.scoring import PreferenceModel
from penchant.model.settings import ModelSettings
from penchant.model.training import Progress, train
from penchant.model.trend import TrendTable


class Preference:
    """A preference model, trained anew on each training part or given; no snapshot is touched.

    Leave-one-out sets each person's last event but one apart for validation: those tell when to stop and
    set the dials, as is usual in the literature, and all earlier ones train. The other protocols set
    nothing apart: the last baskets of some people of the training part are held out. Test events have
    no part in either.
    """

    def __init__(
        self,
        settings: ModelSettings | None = None,
        *,
        queries: FloatArray | None = None,
        attributes: Sequence[Attributes] | None = None,
        tell: Callable[[Progress], None] | None = None,
        trained: PreferenceModel | None = None,
    ) -> None:
        """Wrap ``settings``, or a model that was trained before.

        Args:
            settings: how to build and train.
            queries: (·, T) text vectors of searches.
            attributes: what is known of each person row.
            tell: progress of training.
            trained: taken as it is, in place of ``settings``. It must have seen nothing after the cut of
                the evaluation, which can then have one training part only.
        """
        self._settings = trained.settings if trained is not None else settings or ModelSettings()
        self._queries = queries
        self._attributes = attributes
        self._tell = tell
        self._given = trained is not None
        self._trend: TrendTable | None = None
        self._model = trained

    @property
    def name(self) -> str:
        """Name of the encoder."""
        return self._settings.encoder

    def fit(self, training: Training) -> None:
        """Train from scratch; a given model stays as it is.

        Raises:
            NotEnoughData: nothing to predict in the training part.
            InvalidInput: validation that does not follow straight upon the training part.
        """
        # Of leave-one-out other people's later events are not to be known: no trend of the test events.
        left_out = training.validation is not None
        self._trend = TrendTable.of(training.histories) if left_out else None
        if self._given:
            return
        self._model = train(
            training.histories,
            training.items.vectors,
            self._settings,
            n_items=training.items.count,
            queries=self._queries,
            prices=training.items.prices,
            attributes=self._attributes,
            held_out=validation_moments(training),
            on_progress=self._tell,
        )

    def score_blocks(
        self, histories: Histories, contexts: Contexts, block: int
    ) -> Iterator[tuple[slice, Scores]]:
        """See :class:`Recommender`.

        Raises:
            NotTrained: ``fit`` was not called.
        """
        if self._model is None:
            raise NotTrained("this model was not fitted: call fit before asking for scores")
        return self._model.score_blocks(
            histories, contexts, block, self._queries, self._trend, self._attributes
        )


def validation_moments(training: Training) -> Questions | None:
    """The validation part as moments in ``training.histories``; None where there is none.

    Raises:
        InvalidInput: events between a person's training part and a validation moment of theirs, which
            could not be told to the model.
    """
    asked = training.validation
    if asked is None or not len(asked):
        return None
    moments, people = asked.contexts, asked.contexts.people
    known = moments.ends - training.full.offsets[people]
    trained = training.histories.lengths()[people]
    if (known != trained).any():
        who = int(np.flatnonzero(known != trained)[0])
        raise InvalidInput(
            f"validation does not follow straight upon training: person row {people[who]} has "
            f"{trained[who]} training events, but {known[who]} before the moment asked"
        )
    offsets = np.searchsorted(asked.owner, np.arange(len(asked) + 1)).astype(np.int64)
    ends = training.histories.offsets[people + 1]
    return Questions(people, ends, moments.times, offsets, asked.items)
