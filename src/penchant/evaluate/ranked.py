"""Asks a model every question of a split and keeps only the lists and the ranks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.evaluate.protocols import Split
from penchant.evaluate.recommender import Recommender, Scores
from penchant.metrics import list_ranks, top_lists

BLOCK_BYTES = 64 * 1024 * 1024
"""Memory of one block of scores."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Answers of one model to C questions with R relevant items.

    Attributes:
        lists: (C, k) int32 rows of items, best first.
        ranks: (R,) int32 from 1; ``BEYOND`` if the item is not in the list.
    """

    lists: NDArray[np.int32]
    ranks: NDArray[np.int32]


def rank_questions(
    model: Recommender,
    split: Split,
    k: int,
    ties: NDArray[np.int32],
    progress: Callable[[float], None] | None = None,
) -> Ranked:
    """Lists of length ``k`` over the full catalogue for every question of ``split``.

    Args:
        model: fitted on ``split.train``.
        split: what to ask.
        k: length of the lists.
        ties: (N,) order among equal scores.
        progress: told the share that is done, from 0 to 1.

    Raises:
        InvalidInput: a NaN score, a wrong shape, or questions left out or out of order.
    """
    questions = split.questions
    block = max(1, BLOCK_BYTES // (4 * max(1, len(ties))))
    lists = np.full((len(questions), k), -1, dtype=np.int32)
    done = 0
    for rows, scores in model.score_blocks(split.full, questions.contexts, block):
        if rows.start != done or scores.shape[0] != rows.stop - rows.start:
            raise InvalidInput(
                f"model {model.name!r} answered rows {rows.start} to {rows.stop} "
                f"with {scores.shape[0]} lists where row {done} was next: "
                "score_blocks must go through the contexts in order"
            )
        if split.leave_out_seen:
            leave_out_seen(scores, split, rows)
        lists[rows] = top_lists(scores, k, ties)
        done = rows.stop
        if progress:
            progress(done / len(questions))
    if done != len(questions):
        raise InvalidInput(f"model {model.name!r} answered {done} of {len(questions)} questions")
    return Ranked(lists, list_ranks(lists, questions.owner, questions.items))


def leave_out_seen(scores: Scores, split: Split, rows: slice) -> None:
    """Put -inf on items of the person's earlier events of the predicted type, except on the answers."""
    full, questions = split.full, split.questions
    contexts = questions.contexts.take(rows)
    begins = full.offsets[contexts.people]
    kinds = questions.types[rows]
    first, last = np.searchsorted(questions.owner, [rows.start, rows.stop])
    owner, items = questions.owner[first:last] - rows.start, questions.items[first:last]
    kept = scores[owner, items].copy()
    for row, (begin, end, kind) in enumerate(zip(begins, contexts.ends, kinds, strict=True)):
        seen = full.items[begin:end][(full.types[begin:end] == kind) & (full.items[begin:end] >= 0)]
        scores[row, seen] = -np.inf
    scores[owner, items] = kept


def join_ranked(parts: list[Ranked]) -> Ranked:
    """The answers to several splits as one, in their order."""
    return Ranked(np.concatenate([p.lists for p in parts]), np.concatenate([p.ranks for p in parts]))
