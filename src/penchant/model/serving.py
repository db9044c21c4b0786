"""The serving form of a preference model: numpy only, one event at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput, SettingsError, SnapshotRefused
from penchant.model.encoders import make_step
from penchant.model.encoders.numeric import rms_norm
from penchant.model.encoders.protocol_step import StepEncoder
from penchant.model.histories import FloatArray
from penchant.model.repeat import Memory, empty_memory, remember, remember_all, surroundings
from penchant.model.repeat_step import Moment, again
from penchant.model.snapshot import Manifest, read_snapshot
from penchant.model.tokens import DAY, Token, gap_class, rating_signal, wanted
from penchant.model.trend import LiveTrend
from penchant.model.whitening import Whitening

TREND_SECONDS = 60.0
"""How long the trend of all items may be as it was."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A person under one encoder. Never changed in place.

    Attributes:
        encoder: (S,) its numbers. h: (D,) behaviour after the last event.
        last: unix seconds of the last event, NaN before any. events: wanted ones so far.
        memory: (m,) repeat memory, m up to M. taken: item rows ever wanted, sorted: 4 bytes each.
    """

    encoder: FloatArray
    h: FloatArray
    last: float
    events: float
    memory: Memory
    taken: NDArray[np.int32]

    @property
    def nbytes(self) -> int:
        """Size of the arrays."""
        return self.encoder.nbytes + self.h.nbytes + self.memory.nbytes + self.taken.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class _Items:
    """Item table: vectors (N, D) and biases (N,)."""

    vectors: FloatArray
    bias: FloatArray


class ServingModel:
    """States in, scores out. Made by :func:`load_serving`."""

    def __init__(
        self,
        manifest: Manifest,
        arrays: dict[str, NDArray[Any]],
        step: StepEncoder,
        items: _Items,
        trend: LiveTrend,
    ) -> None:
        self.manifest = manifest
        self._arrays = arrays
        self._step = step
        self._items = items
        self._trend = trend
        self._personal, self._novelty = float(arrays["personal"].item()), float(arrays["novelty"].item())
        self._mood: tuple[int, FloatArray] | None = None
        self._places = int(arrays["memory"][0])
        self._whitening = Whitening(arrays["whitening.mean"], arrays["whitening.matrix"])

    @property
    def encoder_id(self) -> str:
        """States of one ``encoder_id`` are good for every model of the same."""
        return self.manifest.encoder_id

    @property
    def n_items(self) -> int:
        """Rows of the id table that it can score, from the first."""
        return len(self._items.bias)

    def initial(self) -> State:
        """State of somebody who did nothing yet."""
        return State(
            encoder=np.zeros(self._step.state_size, np.float32),
            h=self._arrays["start"],
            last=float("nan"),
            events=0.0,
            memory=empty_memory(0),
            taken=np.zeros(0, np.int32),
        )

    def step(self, state: State, token: Token) -> State:
        """State after one more event, in constant time but for the copy of ``taken``.

        A row that the model does not know has no item.
        """
        known = _known([token], self.n_items)
        days = self._days([state.last, token.time])
        encoder, h = self._step.step(state.encoder, self._read(known, days)[0], days[0])
        memory, taken, counted = state.memory, state.taken, wanted(known.items, known.types)
        if counted[0]:
            memory, taken = _remembered(memory, known, self._places), _with(taken, known.items[0])
        return State(encoder, h, token.time, state.events + counted[0], memory, taken)

    def encode(self, tokens: Sequence[Token]) -> State:
        """State after a whole history, oldest first; equals stepping through it."""
        if not tokens:
            return self.initial()
        known = _known(tokens, self.n_items)
        start = self.initial()
        days = self._days([start.last, *known.times.tolist()])
        encoder, h = self._step.sequence(start.encoder, self._read(known, days), days)
        counted = wanted(known.items, known.types)
        items = known.items[counted]
        memory = remember_all(items, known.types[counted], known.times[counted], self._places)
        return State(encoder, h, float(known.times[-1]), float(len(items)), memory, np.unique(items))

    def h(self, state: State, now: float) -> FloatArray:  # noqa: ARG002  (part of the interface)
        """Behaviour (D,) as scores weigh it. It moves with events; what time alone changes is elsewhere."""
        return _single(self._personal * state.h)

    def scores(self, state: State, now: float) -> FloatArray:
        """Preference for every item at ``now`` (unix seconds), (n_items,); the caller may change it."""
        scores = self._items.vectors @ self.h(state, now)
        scores += self.biases(now)
        scores[state.taken] -= self._novelty
        if len(state.memory):
            scores[state.memory["item"]] = self._again_now(state, now)
        return scores

    def repeat_part(self, state: State, now: float, items: NDArray[np.int64]) -> FloatArray:
        """What being remembered adds to scores as new ones, of ``items`` (R,); 0 where it is not."""
        place = {item: n for n, item in enumerate(state.memory["item"].tolist())}
        held = [n for n, item in enumerate(items.tolist()) if item in place]
        added = np.zeros(len(items), np.float32)
        if held:
            rows = items[held]
            base = self._items.vectors[rows] @ self.h(state, now) + self.biases(now)[rows]
            added[held] = self._again_now(state, now)[[place[item] for item in rows.tolist()]] - base
        return added

    def vectors(self) -> FloatArray:
        """Item vectors that ``h`` is compared with, (n_items, D). Do not change them."""
        return self._items.vectors

    def biases(self, now: float) -> FloatArray:
        """Score of each item for who never took it at ``now``, its trend with it, (n_items,). Do not
        change them.

        Made anew at most once for each :data:`TREND_SECONDS` of ``now``.
        """
        tick = int(now // TREND_SECONDS)
        mood = self._mood
        if mood is None or mood[0] != tick:
            seen = self._trend.features(now, self.n_items)
            levels = self._items.bias + seen @ self._arrays["trend"] + np.float32(self._novelty)
            mood = self._mood = tick, levels
        return mood[1]

    def ratings(self, state: State) -> FloatArray:
        """Expected rating of every item, from 1 to 5, (n_items,); only of use where ratings trained."""
        a, vectors = self._arrays, self._items.vectors
        own = a["rating.item.weight"][0] + state.h @ a["rating.both.weight"].T
        return np.clip(3 + 2 * (vectors @ own + a["rating.item.bias"][0]), 1, 5)

    def with_items(self, text_vectors: FloatArray) -> "ServingModel":
        """The same model for a longer id table: new rows (n, T) get vectors from their text."""
        added = self._whitening(_fitting(text_vectors, self._whitening)) @ self._arrays["input.project"].T
        bias = np.full(len(added), self._arrays["output.newcomer"][0], np.float32)
        items = _Items(np.concatenate([self._items.vectors, added]), np.concatenate([self._items.bias, bias]))
        return ServingModel(self.manifest, self._arrays, self._step, items, self._trend)

    def with_texts(self, rows: NDArray[np.int64], text_vectors: FloatArray) -> "ServingModel":
        """The same model where the items of distinct ``rows`` (n,) have other texts, vectors (n, T).

        States that read those items before are of the old texts: encode them again.
        """
        vectors = self._items.vectors.copy()
        texts = self._whitening(_fitting(text_vectors, self._whitening))
        vectors[rows] = texts @ self._arrays["input.project"].T
        _, mine, sold = np.intersect1d(rows, self._arrays["input.sold"], return_indices=True)
        vectors[rows[mine]] += self._arrays["input.ids"][sold]
        items = _Items(vectors, self._items.bias)
        return ServingModel(self.manifest, self._arrays, self._step, items, self._trend)

    def query_vector(self, text: FloatArray) -> FloatArray:
        """A search text's vector (T,) as a vector to compare with :meth:`vectors`, (D,)."""
        return (self._whitening(text[None]) @ self._arrays["input.project"].T)[0]

    def without_each(self, base: State, tail: Sequence[Token]) -> FloatArray:
        """:meth:`h` (k + 1, D) after ``base`` and ``tail`` without each of its k events, last with all."""
        return _single(self._personal * self._each_left_out(base, tail))

    def _each_left_out(self, base: State, tail: Sequence[Token]) -> FloatArray:
        count, known = len(tail), _known(tail, self.n_items)
        if not count:
            return base.h[None]
        if count == 1:
            return np.concatenate(
                [base.h[None], self._after(base.encoder, base.last, known, np.array([[0]]))[1]]
            )
        kept = [[place for place in range(count) if place != gone] for gone in range(count)]
        encoder, h = self._after(base.encoder, base.last, known, np.array(kept).T)
        # All events are those without the last one, and the last one.
        before, last = encoder[-1], float(known.times[-2])
        return np.concatenate([h, self._after(before, last, known, np.array([[count - 1]]))[1]])

    def _after(
        self, encoder: FloatArray, last: float, known: "_Columns", order: NDArray[np.int64]
    ) -> tuple[FloatArray, FloatArray]:
        """Encoder states (B, S) and behaviour (B, D) after the events that each column of ``order`` names.

        ``encoder`` (S,) is the state before them, ``last`` the time of the event before them; ``order``
        (L, B) holds rows of ``known``.
        """
        steps, side = order.shape
        times = np.concatenate([np.full((1, side), last), known.times[order]])
        days = _single(np.nan_to_num(np.maximum(np.diff(times, axis=0), 0.0) / DAY))
        x = self._read(known.take(order.ravel()), days.ravel()).reshape(steps, side, -1)
        return self._step.sequence(np.repeat(encoder[None], side, 0), x, days)

    def _again_now(self, state: State, now: float) -> FloatArray:
        """Repeat scores of all that is remembered, (m,)."""
        h = np.broadcast_to(state.h, (len(state.memory), len(state.h)))
        around = surroundings(state.memory[None], np.array([now]))
        vectors = self._items.vectors[state.memory["item"]]
        return again(self._arrays, state.memory, vectors, h, Moment(now, state.events, around))

    def _days(self, times: Sequence[float]) -> NDArray[np.float32]:
        return _single(np.nan_to_num(np.maximum(np.diff(times), 0.0) / DAY))

    def _read(self, known: "_Columns", days: NDArray[Any]) -> FloatArray:
        """Tokens as vectors, (L, D)."""
        a = self._arrays
        x = self._items.vectors[known.items] * (known.items >= 0)[:, None]
        for row, query in known.queries:
            x[row] += self._whitening(_fitting(query[None], self._whitening))[0] @ a["tokens.query.weight"].T
        x = x + a["tokens.kind"][known.types] + a["tokens.gap"][gap_class(_single(days))]
        x += rating_signal(known.values, known.types)[:, None] * a["tokens.value"]
        return rms_norm(x, a["tokens.norm.weight"])


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """Tokens as columns (L,), and the queries among them by row."""

    items: NDArray[np.int32]
    types: NDArray[np.int8]
    times: NDArray[np.float64]
    values: FloatArray
    queries: list[tuple[int, FloatArray]]

    def take(self, rows: NDArray[np.int64]) -> Self:
        found = dict(self.queries)
        queries = [(n, found[row]) for n, row in enumerate(rows.tolist()) if row in found]
        return replace(
            self,
            items=self.items[rows],
            types=self.types[rows],
            times=self.times[rows],
            values=self.values[rows],
            queries=queries,
        )


def _remembered(memory: Memory, known: _Columns, places: int) -> Memory:
    room = not (memory["item"] == known.items[0]).any() and len(memory) < places
    grown = np.concatenate([memory, empty_memory(int(room))])[None]
    remember(grown, known.items, known.types, known.times)
    return grown[0]


def _with(taken: NDArray[np.int32], item: np.int32) -> NDArray[np.int32]:
    place = int(np.searchsorted(taken, item))
    if place < len(taken) and taken[place] == item:
        return taken
    return np.concatenate([taken[:place], [item], taken[place:]], dtype=np.int32)


def _known(tokens: Sequence[Token], n_items: int) -> _Columns:
    items = np.array([t.item for t in tokens], dtype=np.int32)
    return _Columns(
        items=np.where(items < n_items, items, -1).astype(np.int32),
        types=np.array([t.type for t in tokens], dtype=np.int8),
        times=np.array([t.time for t in tokens], dtype=np.float64),
        values=np.array([t.value for t in tokens], dtype=np.float32),
        queries=[(row, t.query) for row, t in enumerate(tokens) if t.query is not None],
    )


def _single(days: NDArray[Any]) -> NDArray[np.float32]:
    return days.astype(np.float32)


def _fitting(text: FloatArray, whitening: Whitening) -> FloatArray:
    if text.ndim != 2 or text.shape[1] != len(whitening.mean):
        raise InvalidInput(
            f"text vectors have shape {text.shape}, the model reads {len(whitening.mean)} numbers each: "
            "use the same text encoder, or train again"
        )
    return text


def load_serving(folder: Path, text: FloatArray | None, trend: LiveTrend | None = None) -> ServingModel:
    """The serving form of the snapshot at ``folder``.

    Args:
        folder: made by ``saving.save_snapshot``.
        text: (N, T) text vectors of all items there are now, in the order of the id table; rows after
            those of training are new items. None where the model was trained without texts.
        trend: what the shop takes now, followed by the caller; without it nothing is in fashion.

    Raises:
        SnapshotRefused: broken, foreign, newer, or made for a longer id table.
        InvalidInput: text vectors of another encoder.
    """
    manifest, arrays = read_snapshot(folder)
    try:
        weights = {n.removeprefix("encoder."): a for n, a in arrays.items() if n.startswith("encoder.")}
        step = make_step(manifest.settings["encoder"], weights)
        return ServingModel(manifest, arrays, step, _item_table(manifest, arrays, text), trend or LiveTrend())
    except (KeyError, SettingsError) as error:
        raise SnapshotRefused(f"snapshot {folder.name} is refused: {error} is missing or unknown") from error


def _item_table(manifest: Manifest, arrays: dict[str, NDArray[Any]], text: FloatArray | None) -> _Items:
    trained = manifest.id_table_length
    whitening = Whitening(arrays["whitening.mean"], arrays["whitening.matrix"])
    if text is None:
        text = np.zeros((trained, len(whitening.mean)), np.float32)
    if len(text) < trained:
        raise SnapshotRefused(
            f"the snapshot knows {trained} items, the catalogue only {len(text)}: it belongs to another shop"
        )
    vectors = whitening(_fitting(text, whitening)) @ arrays["input.project"].T
    bias = np.full(len(text), arrays["output.newcomer"][0], np.float32)
    vectors[arrays["input.sold"]] += arrays["input.ids"]
    bias[arrays["input.sold"]] = arrays["output.bias"]
    return _Items(vectors.astype(np.float32, copy=False), bias)
