"""The serving form of a preference model: numpy only, one event at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.errors import SettingsError, SnapshotRefused
from penchant.model.attributes import Attributes
from penchant.model.delta import Delta
from penchant.model.encoders import make_step
from penchant.model.encoders.protocol_step import StepEncoder
from penchant.model.entries import check_items, items_of
from penchant.model.histories import FloatArray
from penchant.model.items_step import ItemReader, ItemRows
from penchant.model.left_out import Pasts
from penchant.model.moments import MomentReader
from penchant.model.reading import TokenReader
from penchant.model.repeat import Memory
from penchant.model.repeat_step import Repeats
from penchant.model.scores_step import Asked, Mood, Scorer
from penchant.model.snapshot import Manifest, read_snapshot
from penchant.model.soundness import check_arrays, try_out
from penchant.model.states import State, States
from penchant.model.tokens import Token
from penchant.model.trend import LiveTrend
from penchant.model.whitening import Whitening


class ServingModel:
    """States in, scores out. Made by :func:`load_serving`."""

    def __init__(  # noqa: PLR0917
        self,
        manifest: Manifest,
        arrays: dict[str, NDArray[Any]],
        step: StepEncoder,
        items: ItemRows,
        trend: LiveTrend,
        delta: Delta | None = None,
    ) -> None:
        self.manifest = manifest
        self._arrays = arrays
        self._step = step
        self._own, self._delta = items, delta
        self._items = items if delta is None else delta.beside(items)
        self._trend = trend
        whitening = Whitening(arrays["whitening.mean"], arrays["whitening.matrix"])
        places = int(arrays["memory"][0])
        self._item_reader = ItemReader(arrays, whitening)
        reader, vectors = TokenReader(arrays, whitening), self._items.vectors
        self._states = States(step, reader, vectors, arrays["start"], places)
        self._scorer = Scorer(
            items=self._items,
            mood=Mood(trend, self._items, arrays),
            moment=MomentReader(arrays),
            repeats=Repeats(arrays, places),
            personal=float(arrays["personal"].item()),
        )

    @property
    def encoder_id(self) -> str:
        """States of one ``encoder_id`` are good for every model of the same."""
        return self.manifest.encoder_id

    @property
    def n_items(self) -> int:
        """Rows of the id table that it can score, from the first."""
        return len(self._items.bias)

    def counts(self) -> FloatArray:
        """How often each item was taken in training, (n_items,); 0 for those that are new since."""
        counts = np.zeros(self.n_items, np.float32)
        counts[self._arrays["input.sold"]] = self._arrays["output.counts"]
        return counts

    def initial(self) -> State:
        """State of somebody who did nothing yet."""
        return self._states.initial()

    def step(self, state: State, token: Token) -> State:
        """State after one more event, in constant time. A row that the model does not know has no item."""
        return self._states.step(state, token)

    def encode(self, tokens: Sequence[Token]) -> State:
        """State after a whole history, oldest first; equals stepping through it."""
        return self._states.encode(tokens)

    def numbers(self, state: State) -> FloatArray:
        """What of a state the history alone does not tell: (R,) numbers; none before any event."""
        return self._states.numbers(state)

    def revived(self, numbers: FloatArray, tokens: Sequence[Token]) -> State:
        """The state after ``tokens`` whose :meth:`numbers` are known: a history need not be encoded again."""
        return self._states.revived(numbers, tokens)

    def pasts(self, state: State, tail: Sequence[Token] = ()) -> Pasts:
        """The beginning of :meth:`step_each`: after ``state`` and ``tail``, of which each can be left out."""
        return self._states.pasts(state, tail)

    def step_each(self, people: Sequence[tuple[State, Pasts, Token]], most: int) -> list[tuple[State, Pasts]]:
        """:meth:`step` of several people at once, their pasts without each of the ``most`` newest events too.

        The work for one person grows with ``most``, not with the history.
        """
        return self._states.step_each(people, most)

    def about(self, attributes: Attributes) -> FloatArray:
        """What is known of a person as scores take it, (D,): ``{"country": "France"}``.

        Words that fewer than five people had at training say nothing.
        """
        return self._scorer.moment.about(attributes)

    def h(self, state: State, now: float, about: FloatArray | None = None) -> FloatArray:
        """Behaviour (D,) at ``now`` as scores weigh it; ``about``: see :meth:`about`."""
        h = self._states.behaviour(state) + self._scorer.moment.at(now, state.last)
        return _single(self._scorer.personal * (h if about is None else h + about))

    def scores(
        self,
        state: State,
        now: float,
        record: Memory | None = None,
        about: FloatArray | None = None,
    ) -> FloatArray:
        """Preference for every item at ``now`` (unix seconds), (n_items,); the caller may change it.

        ``record``: all that the person ever wanted (``model/records.py``), which whoever asks knows from the
        log; None for what the state remembers of it, which may be less.
        ``about``: see :meth:`about`.
        """
        return self.scores_each([(state, self.pasts(state), record, about)], now)[0]

    def scores_each(
        self, people: Sequence[tuple[State, Pasts, Memory | None, FloatArray | None]], now: float
    ) -> FloatArray:
        """:meth:`scores` of P people at once, (P, n_items)."""
        return self._scorer.scores([_asked(*person) for person in people], now)

    def again(
        self, state: State, now: float, record: Memory | None = None, about: FloatArray | None = None
    ) -> tuple[NDArray[np.int64], FloatArray, np.float32]:
        """Rows of what was wanted before (m,), their scores (m,), and what is added to those of all others:
        what makes :meth:`scores` of :meth:`h`, :meth:`vectors` and :meth:`biases`; arguments as there.
        """
        return self._scorer.again(_asked(state, self.pasts(state), record, about), now)

    def remembered(
        self, state: State, items: NDArray[np.int64], record: Memory | None = None
    ) -> NDArray[np.bool_]:
        """Which of ``items`` (R,) are scored as wanted before; ``record`` as in :meth:`scores`."""
        known = set(items_of(state.memory if record is None else record).tolist())
        return np.array([item in known for item in items.tolist()], bool)

    def vectors(self) -> FloatArray:
        """Item vectors that ``h`` is compared with, (n_items, D). Do not change them."""
        return self._items.scored

    def biases(self, now: float) -> FloatArray:
        """Score of each item for who never wanted it at ``now``, its trend with it, (n_items,). Do not
        change them; made anew every :data:`TREND_SECONDS`. How open a person is comes on top, for all alike.
        """
        return self._scorer.mood.at(now)[0]

    def with_items(self, text_vectors: FloatArray, prices: FloatArray | None = None) -> "ServingModel":
        """The same model for a longer id table: new rows (n, T) get vectors from their text and price.

        ``prices`` (n,): NaN where it is not known; None where none is.
        """
        check_items(self.n_items + len(text_vectors))
        return self._with(self._item_reader.longer(self._own, text_vectors, prices), self._delta)

    def with_texts(
        self, rows: NDArray[np.int64], text_vectors: FloatArray, prices: FloatArray | None = None
    ) -> "ServingModel":
        """The same model where the items of distinct ``rows`` (n,) have other texts (n, T) and prices (n,).

        States that read those items before are of the old texts: encode them again.
        """
        return self._with(self._item_reader.retold(self._own, rows, text_vectors, prices), self._delta)

    def with_delta(self, delta: Delta | None) -> "ServingModel":
        """The same model with what was learned since; in the place of what it had before. States stay good.

        Raises:
            SnapshotRefused: it is of another item table.
        """
        return self._with(self._own, delta)

    def _with(self, items: ItemRows, delta: Delta | None) -> "ServingModel":
        return ServingModel(self.manifest, self._arrays, self._step, items, self._trend, delta)

    def without_each(self, people: Sequence[Pasts], now: float) -> list[FloatArray]:
        """For the pasts of each of ``people`` :meth:`h` (k + 1, D) without each of their k events, last with
        all.

        Without what is known of the person: :meth:`about` is added to it, whatever the events.
        """
        h = _single(self._scorer.personal * self._scorer.behaviour(Pasts.all_of(people), now))
        return np.split(h, np.cumsum([len(pasts) for pasts in people])[:-1])


def _asked(state: State, pasts: Pasts, record: Memory | None, about: FloatArray | None) -> Asked:
    memory = state.memory if record is None else record
    return Asked(pasts, memory, record is not None, state.events, about)


def _single(numbers: NDArray[Any]) -> FloatArray:
    return numbers.astype(np.float32, copy=False)


def load_serving(
    folder: Path,
    text: FloatArray | None,
    trend: LiveTrend | None = None,
    prices: FloatArray | None = None,
) -> ServingModel:
    """The serving form of the snapshot at ``folder``.

    Args:
        folder: made by ``saving.save_snapshot``.
        text: (N, T) text vectors of all items there are now, in the order of the id table; rows after
            those of training are new items. None where the model was trained without texts.
        trend: what the shop takes now, followed by the caller; without it nothing is in fashion.
        prices: (N,) of the same items, NaN where it is not known; None where none is.

    Raises:
        SnapshotRefused: broken, foreign, newer, or made for a longer id table.
        InvalidInput: text vectors of another encoder; prices of more or fewer items.
    """
    manifest, arrays = read_snapshot(folder)
    try:
        check_arrays(arrays, int(manifest.settings["dim"]), manifest.id_table_length)
        weights = {n.removeprefix("encoder."): a for n, a in arrays.items() if n.startswith("encoder.")}
        step = make_step(manifest.settings["encoder"], weights)
        items = _item_table(manifest, arrays, text, prices)
        model = ServingModel(manifest, arrays, step, items, trend or LiveTrend())
        try_out(model)
    except (KeyError, SettingsError, msgspec.DecodeError) as error:
        raise SnapshotRefused(f"snapshot {folder.name} is refused: {error} is missing or unknown") from error
    except (SnapshotRefused, ValueError, TypeError, IndexError) as error:
        raise SnapshotRefused(f"snapshot {folder.name} is refused: {error}") from error
    return model


def _item_table(
    manifest: Manifest, arrays: dict[str, NDArray[Any]], text: FloatArray | None, prices: FloatArray | None
) -> ItemRows:
    trained = manifest.id_table_length
    whitening = Whitening(arrays["whitening.mean"], arrays["whitening.matrix"])
    check_items(trained if text is None else len(text))
    if text is None:
        text = np.zeros((trained, len(whitening.mean)), np.float32)
    if len(text) < trained:
        raise SnapshotRefused(
            f"the snapshot knows {trained} items, the catalogue only {len(text)}: it belongs to another shop"
        )
    return ItemReader(arrays, whitening).table(text, prices)
