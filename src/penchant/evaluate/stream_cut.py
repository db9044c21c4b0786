"""A shop's log cut into what trains a first model and a stream of blocks that are asked one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.evaluate.arms import ARMS, Turn
from penchant.evaluate.protocols import FEW_REPEATS, Split, repeats, time_split
from penchant.evaluate.recommender import ItemTable
from penchant.evaluate.summary import Sampling
from penchant.learn.continued import Known
from penchant.model.attributes import Attributes
from penchant.model.histories import FloatArray, Histories, IntArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """What is compared, and where the stream begins.

    Attributes:
        arms: names of :data:`penchant.evaluate.arms.ARMS`.
        cut: unix seconds at which the stream begins; None as for a time split.
        blocks: of equal length; those without a question join the one before.
        checkpoints: how many blocks have a retraining before them, spread evenly; never the first.
        seeds: each trains a model of its own; figures are means over them.
        matrix: whether all blocks are asked after each, to see what is kept. It takes longer.
        sampling: of the intervals.
    """

    arms: tuple[str, ...] = tuple(ARMS)
    cut: float | None = None
    blocks: int = 10
    checkpoints: int = 4
    seeds: tuple[int, ...] = (0,)
    matrix: bool = True
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        if self.blocks < 2 or not 1 <= self.checkpoints < self.blocks or not self.seeds:
            raise InvalidInput(
                "a stream needs two blocks or more, fewer checkpoints than blocks but one at least, and a "
                f"seed; got {self.blocks} blocks, {self.checkpoints} checkpoints, seeds {self.seeds}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A log cut into what trains the first model and blocks that are asked one by one.

    Attributes:
        plan: where it came from. items: the catalogue.
        split: all Q questions, and what came before the cut.
        edges: (B + 1,) unix seconds, where blocks begin; the end of the last.
        block: (Q,) of each question.
        checkpoints: blocks with a retraining before them.
        queries, attributes: see :class:`~penchant.learn.continued.Known`.
    """

    plan: StreamPlan
    items: ItemTable
    split: Split
    edges: Floats
    block: IntArray
    checkpoints: tuple[int, ...]
    queries: FloatArray | None = None
    attributes: Sequence[Attributes] | None = None

    @property
    def blocks(self) -> int:
        """How many there are, B."""
        return len(self.edges) - 1

    def known(self, block: int) -> Known:
        """Everything before ``block`` began; everything at all for one that is past the last."""
        full = self.split.full
        histories = full.before(float(self.edges[block])) if block < self.blocks else full
        return Known(
            histories, self.items.count, self.items.vectors, self.queries, self.items.prices, self.attributes
        )

    def turn(self, block: int, seed: int) -> Turn:
        """What an arm is given before ``block``; the end of the stream is a checkpoint too."""
        past = [0, *(one for one in self.checkpoints if one < block)]
        return Turn(
            block=block,
            begin=float(self.edges[block]) if block < self.blocks else np.inf,
            known=self.known(block),
            fresh=float(self.edges[max(block - 1, 0)]),
            older=float(self.edges[past[-1]]),
            checkpoint=block in (*self.checkpoints, self.blocks),
            seed=seed,
        )


def open_stream(
    histories: Histories,
    items: ItemTable,
    plan: StreamPlan,
    *,
    queries: FloatArray | None = None,
    attributes: Sequence[Attributes] | None = None,
) -> Stream:
    """Cut the log. Where hardly anything is taken twice, what a person took before is left out of lists.

    Raises:
        NotEnoughData: nothing before the cut, or nothing to predict after it.
        InvalidInput: all questions lie in one block.
    """
    split = time_split(histories, plan.cut)
    assert split.target is not None  # noqa: S101 - a time split always has one
    split = replace(split, leave_out_seen=repeats(split.train, split.target) < FEW_REPEATS)
    edges, block = block_edges(split, plan.blocks)
    if len(edges) < 3:
        raise InvalidInput("all that is to be predicted lies in one block: choose more blocks or another cut")
    marks = checkpoint_blocks(len(edges) - 1, plan.checkpoints)
    return Stream(plan, items, split, edges, block, marks, queries, attributes)


def block_edges(split: Split, blocks: int) -> tuple[Floats, IntArray]:
    """Where blocks with a question begin (and the end), (B + 1,), and the block of each question, (Q,)."""
    edges = np.linspace(split.start, split.end, blocks + 1)
    times = split.questions.contexts.times
    which = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, blocks - 1)
    kept, block = np.unique(which, return_inverse=True)
    return np.append(edges[np.append(0, kept[1:])], edges[-1]), block.astype(np.int64)


def checkpoint_blocks(blocks: int, count: int) -> tuple[int, ...]:
    """Blocks with a retraining before them, spread evenly.

    >>> checkpoint_blocks(10, 4), checkpoint_blocks(3, 4)
    ((2, 4, 6, 8), (1, 2))
    """
    count = min(count, blocks - 1)
    return tuple(round(blocks * (i + 1) / (count + 1)) for i in range(count))
