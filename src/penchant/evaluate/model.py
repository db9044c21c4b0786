"""The preference model as one of the models that are compared."""

from collections.abc import Callable, Iterator

from penchant.errors import NotTrained
from penchant.evaluate.recommender import Contexts, Scores, Training
from penchant.model.histories import FloatArray, Histories
from penchant.model.scoring import PreferenceModel
from penchant.model.settings import ModelSettings
from penchant.model.training import Progress, train


class Preference:
    """A preference model trained anew on each training part; a shop's snapshots are not touched.

    It holds out the last baskets of some people of the *training* part to know when to stop. The
    validation events that leave-one-out sets apart are left unused, so neither they nor the test
    events have any part in training.
    """

    def __init__(
        self,
        settings: ModelSettings | None = None,
        *,
        queries: FloatArray | None = None,
        tell: Callable[[Progress], None] | None = None,
    ) -> None:
        """Wrap ``settings``.

        Args:
            settings: how to build and train.
            queries: (·, T) text vectors of searches.
            tell: progress of training.
        """
        self._settings = settings or ModelSettings()
        self._queries = queries
        self._tell = tell
        self._model: PreferenceModel | None = None

    @property
    def name(self) -> str:
        """Name of the encoder."""
        return self._settings.encoder

    def fit(self, training: Training) -> None:
        """Train from scratch.

        Raises:
            NotEnoughData: nothing to predict in the training part.
        """
        self._model = train(
            training.histories,
            training.items.vectors,
            self._settings,
            n_items=training.items.count,
            queries=self._queries,
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
        return self._model.score_blocks(histories, contexts, block, self._queries)
