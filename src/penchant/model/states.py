"""States: what a model keeps of a person, and how events move it. Numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.model.encoders.protocol_step import LazyStep, StepEncoder
from penchant.model.entries import ENTRY
from penchant.model.histories import FloatArray
from penchant.model.left_out import Pasts, begun, stepped
from penchant.model.reading import Columns, TokenReader
from penchant.model.repeat import Memory, remember_all, remembered
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


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A person under one encoder. Never changed in place.

    Attributes:
        encoder: (S,) its numbers.
        trace: (D,) what behaviour is made of when it is asked for: the last token as it was read, or
            behaviour itself where the encoder makes it with each step. None before any event.
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


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A history of at least one token.

    Attributes:
        known: its tokens as columns. days: (L,) before each of them, NaN before the first. places: (L,) of
            each in its session. memory: (m,) what is remembered after all. events: wanted ones.
    """

    known: Columns
    days: NDArray[np.floating]
    places: NDArray[np.int64]
    memory: Memory
    events: int

    @classmethod
    def of(cls, tokens: Sequence[Token], n_items: int, most: int) -> "Read":
        """Of ``tokens``, oldest first, by who knows ``n_items`` and remembers ``most`` of them."""
        known = Columns.of(tokens, n_items)
        days = gaps_in_days(np.append(np.nan, known.times))
        places = session_places(np.diff(known.times, prepend=np.nan))
        counted = wanted(known.items, known.types)
        items = known.items[counted]
        memory = remember_all(items, known.types[counted], known.times[counted], most)
        return cls(known, days, places, memory, len(items))

    def state(self, encoder: FloatArray, trace: FloatArray | None) -> State:
        """The state after it, given the encoder's part."""
        last, place = float(self.known.times[-1]), int(self.places[-1])
        return State(encoder, trace, last, float(self.events), self.memory.tobytes(), place)


class States:
    """Of people whose events are read by ``reader`` with the item ``vectors`` (N, D)."""

    def __init__(
        self, step: StepEncoder, reader: TokenReader, vectors: FloatArray, start: FloatArray, places: int
    ) -> None:
        """``start`` (D,) is behaviour before any event, ``places`` how many items a state remembers."""
        self._step = step
        self._lazy = step if isinstance(step, LazyStep) else None
        self._reader = reader
        self._vectors = vectors
        self._start = start
        self._places = places

    def initial(self) -> State:
        """State of somebody who did nothing yet."""
        return State(np.zeros(self._step.state_size, np.float32), None, float("nan"), 0.0, b"")

    def step(self, state: State, token: Token) -> State:
        """State after one more event, in constant time.

        A row that the model does not know has no item.
        """
        vector = self._vectors[token.item] if 0 <= token.item < len(self._vectors) else None
        gap = token.time - state.last
        days = np.float32(gap / DAY if gap > 0 else 0.0)  # NaN before the first
        place = min(state.place + 1, LAST_PLACE) if gap < SESSION else 0
        x = self._reader.one(token, vector, days, place)
        if self._lazy is None:
            encoder, trace = self._step.step(state.encoder, x, np.asarray(days))
        else:
            encoder, trace = self._lazy.advance(state.encoder, x, float(days)), x
        return State(encoder, trace, token.time, *self._remembering(state, token), place)

    def _remembering(self, state: State, token: Token) -> tuple[float, bytes]:
        """Wanted events and what is remembered of them, with the token."""
        if not 0 <= token.item < len(self._vectors) or token.type in NOT_WANTED:
            return state.events, state.kept
        return state.events + 1.0, remembered(state.kept, token.item, token.type, token.time, self._places)

    def pasts(self, state: State, tail: Sequence[Token] = ()) -> Pasts:
        """The beginning of :meth:`step_each`: after ``state`` and ``tail``, of which each can be left out."""
        last, place = np.array([state.last]), np.array([state.place])
        base = Pasts(state.encoder[None], self.behaviour(state)[None], last, place)
        return begun(self._step, self._reader, self._vectors, base, tail)

    def step_each(self, people: Sequence[tuple[State, Pasts, Token]], most: int) -> list[tuple[State, Pasts]]:
        """:meth:`step` of several people at once, their pasts without each of the ``most`` newest events too.

        The work for one person grows with ``most``, not with the history.
        """
        moving = [(pasts, token) for _, pasts, token in people]
        after, x = stepped(self._step, self._reader, self._vectors, moving)
        traces = x if self._lazy is not None else [now.h[-1] for now in after]
        found: list[tuple[State, Pasts]] = []
        for (state, before, token), now, trace in zip(people, after, traces, strict=True):
            more, place = self._remembering(state, token), int(now.place[-1])
            # Copies: a view would keep the arrays of all people.
            new = State(now.encoder[-1].copy(), trace.copy(), token.time, *more, place)
            found.append((new, before.followed(now, most)))
        return found

    def encode(self, tokens: Sequence[Token]) -> State:
        """State after a whole history, oldest first; equals stepping through it."""
        if not tokens:
            return self.initial()
        read, start = Read.of(tokens, len(self._vectors), self._places), self.initial()
        x = self._reader.many(read.known, self._vectors, read.days, read.places)
        encoder, h = self._step.sequence(start.encoder, x, read.days)
        return read.state(encoder, h if self._lazy is None else x[-1].copy())

    def numbers(self, state: State) -> FloatArray:
        """What of a state the history alone does not tell: (R,) numbers; none before any event."""
        if state.trace is None or self._lazy is not None:
            return state.encoder
        return np.concatenate([state.encoder, state.trace])

    def revived(self, numbers: FloatArray, tokens: Sequence[Token]) -> State:
        """The state after ``tokens`` whose :meth:`numbers` are known: a history need not be encoded again."""
        if not tokens:
            return self.initial()
        read = Read.of(tokens, len(self._vectors), self._places)
        if self._lazy is None:
            return read.state(numbers[: self._step.state_size], numbers[self._step.state_size :])
        item, day, place = int(read.known.items[-1]), np.float32(read.days[-1]), int(read.places[-1])
        vector = self._vectors[item] if item >= 0 else None
        return read.state(numbers, self._reader.one(tokens[-1], vector, day, place))

    def behaviour(self, state: State) -> FloatArray:
        """What events alone have made of a state, (D,)."""
        if state.trace is None:
            return self._start
        return state.trace if self._lazy is None else self._lazy.readout(state.encoder, state.trace)
