"""What is learned between two snapshots: asked first, learned then, and published through the cheap gate."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.learn.gate import Evidence, GateSettings, Verdict, cheap_gate
from penchant.learn.online import FirstTimes, OnlineTable, pairs
from penchant.learn.people import Asked
from penchant.learn.vitals import LISTED, best, vitals_of
from penchant.model.histories import FloatArray, IntArray

LEAST_SHOWN = 0.1
"""Propensity below which what was taken counts for no more."""
GROUP = 64
"""First times that are asked and learned together."""
HELD = 512
"""Newest first times of held-out people that the gate asks."""
SCORES = 20_000_000
"""Scores at most that are made at once: a large catalogue has fewer questions asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """NDCG@10 of one first time before it was learned: as it serves, without what was learned, and frozen."""

    asked: Asked
    live: float
    still: float
    frozen: float


class Course:
    """Beside one snapshot. One person in ten never teaches: they are asked whether others taught well."""

    def __init__(
        self, table: OnlineTable, frozen: FloatArray, gate: GateSettings, seed: int, aside: float = 0.1
    ) -> None:
        """``frozen``: (N,) levels of all items when the snapshot was made. ``aside``: weight of what was
        wanted by another type of event than the main one."""
        self._aside = aside
        self.table = table
        self._frozen = frozen
        self._gate = gate
        self._rng = np.random.default_rng(seed)
        self._held: deque[Asked] = deque(maxlen=HELD)
        self.learned = 0

    def take(self, asked: Sequence[Asked], levels: FloatArray, rate: float = 1.0) -> list[Answer]:
        """Ask a group, then learn from it. ``levels`` (N,) of all items now; ``rate``: 1 as usual."""
        answers = self._answers(asked[: max(1, SCORES // len(levels))], levels)
        taught = [one for one in asked if not held_out(one)]
        self._held.extend(one for one in asked if held_out(one))
        if taught:
            share = _shares(taught) * np.array([worth(one) for one in taught], np.float32)
            share *= np.array([1.0 if one.main else self._aside for one in taught], np.float32)
            batch = FirstTimes(
                h=np.stack([one.h for one in taught]),
                items=np.array([one.item for one in taught]),
                weights=(rate * share).astype(np.float32),
                levels=levels,
                had=pairs([one.had for one in taught]),
            )
            self.table.learn(batch, self._rng)
            self.learned += len(taught)
        return answers

    def longer(self, vectors: FloatArray, levels: FloatArray) -> None:
        """New items (n, D) with their levels (n,)."""
        self.table.longer(vectors)
        self._frozen = np.append(self._frozen, levels).astype(np.float32)

    def judge(self, levels: FloatArray) -> Verdict:
        """May what was learned be published? Compared with the snapshot: small steps must not add up."""
        held = list(self._held)[-max(1, SCORES // len(levels)) :]
        old = self._scores(held, levels, moved=False)
        new = self._scores(held, levels, moved=True)
        people = np.array([int(one.person[:15], 16) for one in held], np.int64)
        evidence = Evidence("newest", _gains(old, held), _gains(new, held), people)
        table, bias = self.table, levels
        before = vitals_of(table.vectors, bias, old, best(old))
        after = vitals_of(table.scored(), bias + table.lifts(), new, best(new))
        return cheap_gate(evidence, before, after, self._gate)

    def forget(self) -> None:
        """Begin anew beside the snapshot; what was learned so far is given up."""
        self.table.forget()
        self.learned = 0

    def _answers(self, asked: Sequence[Asked], levels: FloatArray) -> list[Answer]:
        live = _gains(self._scores(asked, levels, moved=True), asked)
        still = _gains(self._scores(asked, levels, moved=False), asked)
        frozen = self._masked(np.stack([one.frozen for one in asked]) @ self.table.vectors.T, asked)
        frozen += self._frozen
        columns = zip(asked, live.tolist(), still.tolist(), _gains(frozen, asked).tolist(), strict=True)
        return [Answer(*column) for column in columns]

    def _scores(self, asked: Sequence[Asked], levels: FloatArray, *, moved: bool) -> FloatArray:
        if not asked:
            return np.zeros((0, len(levels)), np.float32)
        table = self.table
        scores = np.stack([one.h for one in asked]) @ (table.scored() if moved else table.vectors).T
        scores += levels + table.lifts() if moved else levels
        return self._masked(scores, asked)

    @staticmethod
    def _masked(scores: FloatArray, asked: Sequence[Asked]) -> FloatArray:
        scores[tuple(pairs([one.had for one in asked]))] = -np.inf
        return scores


def groups(asked: Sequence[Asked]) -> Iterator[Sequence[Asked]]:
    """In their order, so many at a time that a basket is rarely cut."""
    for start in range(0, len(asked), GROUP):
        yield asked[start : start + GROUP]


def held_out(one: Asked) -> bool:
    """Whether this person never teaches; the same after a restart."""
    return int(one.person[-6:], 16) % 10 == 0


def worth(one: Asked) -> float:
    """What was shown by chance counts by how unlikely that was, at most ten times as much.

    Inverse propensity weights, clipped (Ionides, "Truncated importance sampling", 2008): otherwise the model
    would learn from its own lists that people like what it shows.
    """
    return 1 / max(one.shown, LEAST_SHOWN) if one.shown > 0 else 1.0


def _shares(asked: Sequence[Asked]) -> FloatArray:
    """What each counts: a basket counts as one."""
    sizes: dict[tuple[str, int], int] = {}
    for one in asked:
        sizes[one.person, one.basket] = sizes.get((one.person, one.basket), 0) + 1
    return np.array([1 / sizes[one.person, one.basket] for one in asked], np.float32)


def _gains(scores: FloatArray, asked: Sequence[Asked]) -> NDArray[np.float64]:
    """NDCG@10 of each item that was taken, alone, (Q,)."""
    items: IntArray = np.array([one.item for one in asked], np.int64)
    own = scores[np.arange(len(asked)), items]
    # Among equals it may stand anywhere.
    rank = (scores > own[:, None]).sum(1) + ((scores == own[:, None]).sum(1) - 1) / 2
    return np.where(rank < LISTED, 1 / np.log2(rank + 2.0), 0.0)
