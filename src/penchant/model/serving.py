"""The serving form of a preference model: numpy only, one event at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput, SettingsError, SnapshotRefused
from penchant.model.attributes import Attributes
from penchant.model.delta import Delta
from penchant.model.encoders import make_step
from penchant.model.encoders.protocol_step import LazyStep, StepEncoder
from penchant.model.entries import ENTRY, check_items, items_of
from penchant.model.histories import FloatArray
from penchant.model.items_step import ItemReader, ItemRows
from penchant.model.left_out import LeftOut
from penchant.model.moments import MomentReader
from penchant.model.newcomers import trend_levels
from penchant.model.reading import Columns, TokenReader
from penchant.model.records import below
from penchant.model.repeat import Memory, remember_all, remembered
from penchant.model.repeat_step import Repeats
from penchant.model.snapshot import Manifest, read_snapshot
from penchant.model.tokens import (
    DAY,
    LAST_PLACE,
    NOT_WANTED,
    SESSION,
    Token,
    gaps_in_days,
    session_places,
    wanted,
)
from penchant.model.trend import LiveTrend
from penchant.model.whitening import Whitening

TREND_SECONDS = 60.0
"""How long the trend of all items may be as it was."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A person under one encoder. Never changed in place.

    Attributes:
        encoder: (S,) its numbers.
        trace: (D,) what behaviour is made of when it is asked for: the last token as it was read, or
            behaviour itself where the encoder makes it with each step. None before any event and in a
            state at rest, which goes on like any other and is not asked.
        last: unix seconds of the last event, NaN before any. events: wanted ones so far.
        kept: the repeat memory's bytes.
        place: of the last event in its session, from 0 to a few dozen.
    """

    encoder: FloatArray
    trace: FloatArray | None
    last: float
    events: float
    kept: bytes
    place: int = 0

    @property
    def memory(self) -> Memory:
        """(m,) what is remembered, m up to M."""
        return np.frombuffer(self.kept, ENTRY)

    @property
    def nbytes(self) -> int:
        """Bytes of its numbers."""
        trace = 0 if self.trace is None else self.trace.nbytes
        return self.encoder.nbytes + trace + 2 * np.dtype(float).itemsize + len(self.kept) + 1


class _Mood:
    """What everybody takes these days, as of the newest :data:`TREND_SECONDS` that somebody asked about."""

    def __init__(self, trend: LiveTrend, items: ItemRows, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._trend = trend
        self._levels = items.bias + np.float32(arrays["novelty"].item())
        self._weights, self._never, self._unseen = arrays["trend"], items.never, arrays["unseen"]
        self._known: tuple[int, FloatArray, FloatArray] | None = None

    def at(self, now: float) -> tuple[FloatArray, FloatArray]:
        """Levels (n_items,) with the trend in them, and trend (n_items, lifetimes)."""
        tick, known = int(now // TREND_SECONDS), self._known
        if known is None or known[0] != tick:
            seen = self._trend.features(now, len(self._levels))
            added = trend_levels(seen, self._weights, self._never, self._unseen)
            known = self._known = tick, self._levels + added, seen
        return known[1:]


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
        self._personal = float(arrays["personal"].item())
        self._mood = _Mood(trend, self._items, arrays)
        self._places = int(arrays["memory"][0])
        self._repeats = Repeats(arrays, self._places)
        whitening = Whitening(arrays["whitening.mean"], arrays["whitening.matrix"])
        self._reader = TokenReader(arrays, whitening)
        self._item_reader = ItemReader(arrays, whitening)
        self._moment = MomentReader(arrays)
        self._lazy = step if isinstance(step, LazyStep) else None

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
        return State(np.zeros(self._step.state_size, np.float32), None, float("nan"), 0.0, b"")

    def step(self, state: State, token: Token) -> State:
        """State after one more event, in constant time.

        A row that the model does not know has no item.
        """
        item = token.item if token.item < self.n_items else -1
        gap = token.time - state.last
        days = np.float32(gap / DAY if gap > 0 else 0.0)  # NaN before the first
        place = min(state.place + 1, LAST_PLACE) if gap < SESSION else 0
        x = self._reader.one(token, self._items.vectors[item] if item >= 0 else None, days, place)
        if self._lazy is None:
            encoder, trace = self._step.step(state.encoder, x, np.asarray(days))
        else:
            encoder, trace = self._lazy.advance(state.encoder, x, float(days)), x
        if item < 0 or token.type in NOT_WANTED:
            return State(encoder, trace, token.time, state.events, state.kept, place)
        kept = remembered(state.kept, item, token.type, token.time, self._places)
        return State(encoder, trace, token.time, state.events + 1.0, kept, place)

    def encode(self, tokens: Sequence[Token]) -> State:
        """State after a whole history, oldest first; equals stepping through it."""
        if not tokens:
            return self.initial()
        known = Columns.of(tokens, self.n_items)
        start = self.initial()
        days = gaps_in_days(np.append(start.last, known.times))
        places = session_places(np.diff(known.times, prepend=start.last))
        x = self._reader.many(known, self._items.vectors, days, places)
        encoder, h = self._step.sequence(start.encoder, x, days)
        counted = wanted(known.items, known.types)
        items = known.items[counted]
        memory = remember_all(items, known.types[counted], known.times[counted], self._places)
        trace = h if self._lazy is None else x[-1].copy()
        last, place = float(known.times[-1]), int(places[-1])
        return State(encoder, trace, last, float(len(items)), memory.tobytes(), place)

    def at_rest(self, state: State) -> State:
        """The same state without what only questions need: it can be stepped, not asked."""
        return state if state.trace is None else replace(state, trace=None)

    def about(self, attributes: Attributes) -> FloatArray:
        """What is known of a person as scores take it, (D,): ``{"country": "France"}``.

        Words that fewer than five people had at training say nothing.
        """
        return self._moment.about(attributes)

    def h(self, state: State, now: float, about: FloatArray | None = None) -> FloatArray:
        """Behaviour (D,) at ``now`` as scores weigh it; ``about``: see :meth:`about`."""
        return _single(self._personal * self._behaviour(state, now, about))

    def _behaviour(self, state: State, now: float, about: FloatArray | None) -> FloatArray:
        h = self._timeless(state) + self._moment.at(now, state.last)
        return h if about is None else h + about

    def _timeless(self, state: State) -> FloatArray:
        """What events alone have made of it."""
        if state.trace is None:
            if state.last == state.last:
                raise InvalidInput("a state at rest has no behaviour: step it first, or encode the history")
            return self._arrays["start"]
        return state.trace if self._lazy is None else self._lazy.readout(state.encoder, state.trace)

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
        h = self._behaviour(state, now, about)
        scores = self._items.scored @ _single(self._personal * h)
        scores += self.biases(now)
        memory = state.memory if record is None else below(record, self.n_items)
        scores += self._repeats.lift(memory, whole=record is not None, events=state.events)
        if len(memory):
            items, place = (self._items.scored, self._mood.at(now)[1]), np.arange(len(memory))
            again = self._repeats.scores(memory, place, items, h, now, state.events)
            scores[items_of(memory)] = again
        return scores

    def remembered(
        self, state: State, items: NDArray[np.int64], record: Memory | None = None
    ) -> NDArray[np.bool_]:
        """Which of ``items`` (R,) are scored as wanted before; ``record`` as in :meth:`scores`."""
        return np.isin(items, items_of(state.memory if record is None else record))

    def vectors(self) -> FloatArray:
        """Item vectors that ``h`` is compared with, (n_items, D). Do not change them."""
        return self._items.scored

    def biases(self, now: float) -> FloatArray:
        """Score of each item for who never wanted it at ``now``, its trend with it, (n_items,). Do not
        change them; made anew every :data:`TREND_SECONDS`. How open a person is comes on top, for all alike.
        """
        return self._mood.at(now)[0]

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

    def without_each(self, base: State, tail: Sequence[Token], now: float) -> FloatArray:
        """:meth:`h` (k + 1, D) after ``base`` and ``tail`` without each of its k events, last with all."""
        left_out = LeftOut(self._step, self._reader, self._items.vectors)
        known = Columns.of(tail, self.n_items)
        each = left_out.each(base.encoder, self._timeless(base), (base.last, base.place), known)
        moments = [self._moment.at(now, last) for last in left_out.last(base.last, known)]
        return _single(self._personal * (each + np.stack(moments)))


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
        weights = {n.removeprefix("encoder."): a for n, a in arrays.items() if n.startswith("encoder.")}
        step = make_step(manifest.settings["encoder"], weights)
        items = _item_table(manifest, arrays, text, prices)
        return ServingModel(manifest, arrays, step, items, trend or LiveTrend())
    except (KeyError, SettingsError, msgspec.DecodeError) as error:
        raise SnapshotRefused(f"snapshot {folder.name} is refused: {error} is missing or unknown") from error


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
