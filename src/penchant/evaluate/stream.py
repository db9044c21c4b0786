"""A shop's own history as a stream: every event is predicted before anything is learned from it.

Test, then train (Dawid, "Prequential analysis", JRSS A 147(2), 1984; Gama et al., "On evaluating stream
learning algorithms", Machine Learning 90, 2013). The time after a cut is in blocks of equal length. One model
is trained before the cut; from there each arm goes on in its own way (see :mod:`penchant.evaluate.arms`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from penchant.evaluate.arms import Arm, Turn, make_arms
from penchant.evaluate.recommender import ItemTable
from penchant.evaluate.stream_asking import NDCG, ArmRun, Asker, Ranks, quality
from penchant.evaluate.stream_cut import Stream, StreamPlan, open_stream
from penchant.evaluate.stream_online import TableLearner
from penchant.evaluate.stream_result import StreamResult
from penchant.evaluate.stream_summary import summarise_stream
from penchant.learn.continued import trained
from penchant.model.attributes import Attributes
from penchant.model.histories import FloatArray, Histories
from penchant.model.scoring import PreferenceModel
from penchant.model.settings import ModelSettings

Tell = Callable[[str, float], None]


def run_stream(
    histories: Histories,
    items: ItemTable,
    plan: StreamPlan,
    settings: ModelSettings | None = None,
    *,
    queries: FloatArray | None = None,
    attributes: Sequence[Attributes] | None = None,
    dataset: str = "shop",
    tell: Tell | None = None,
    clock: Callable[[], float] = time.process_time,
) -> StreamResult:
    """Replay ``histories`` for every arm and seed of ``plan``, and compare.

    Args:
        histories: all events; each arm gets only what came before the block that is next.
        items: the catalogue; every item is ranked for every question.
        plan: arms, blocks, seeds.
        settings: of the models.
        queries: (·, T) text vectors of searches.
        attributes: of each person row.
        dataset: name for the report.
        tell: (what is being done, share of it that is done), for people.
        clock: processor seconds.

    Raises:
        InvalidInput: an unknown arm, or all questions in one block.
        NotEnoughData: nothing to train on or nothing to predict.
    """
    arms = make_arms(plan.arms)
    stream = open_stream(histories, items, plan, queries=queries, attributes=attributes)
    runs: dict[str, list[ArmRun]] = {arm.name: [] for arm in arms}
    spent: list[float] = []
    for seed in plan.seeds:
        if tell:
            tell("training the first model", 0.0)
        base, seconds = first_model(stream, settings or ModelSettings(), seed, clock)
        spent.append(seconds)
        for arm in arms:
            runs[arm.name].append(run_arm(stream, base, arm, seed, tell=tell, clock=clock))
    return summarise_stream(stream, runs, spent, dataset=dataset)


def first_model(
    stream: Stream, settings: ModelSettings, seed: int, clock: Callable[[], float] = time.process_time
) -> tuple[PreferenceModel, float]:
    """The model that every arm starts from, of all before the cut, and its processor seconds."""
    begun = clock()
    model = trained(stream.known(0), replace(settings, seed=seed))
    return model, clock() - begun


def run_arm(
    stream: Stream,
    base: PreferenceModel,
    arm: Arm,
    seed: int,
    *,
    tell: Tell | None = None,
    clock: Callable[[], float] = time.process_time,
) -> ArmRun:
    """Go through the stream once: before each block the arm may learn, then it is asked."""
    blocks, whole = stream.blocks, stream.plan.matrix and arm.learns
    asker, run = Asker.of(stream, arm.live), nothing_asked(stream)
    model, learner = base, None
    for block in range(blocks + whole):
        if tell:
            tell(f"arm {arm.name}: {block} of {blocks} blocks asked", block / blocks)
        turn = stream.turn(block, seed_of(seed, block))
        begun = clock()
        found = arm.turn(model, turn)
        if found is not None:
            model, learner = found, _beside(found, learner, arm, asker, turn)
        run.seconds[block] = clock() - begun
        if found is not None and (whole or learner is None):
            table = learner.table if learner else None
            note(stream, run, block, asker.ask(found, None if whole else block, table))
        if found is not None and learner is not None and block < blocks:
            _note_in_turn(run, block, learner, clock)
    return run


def _beside(
    model: PreferenceModel, learner: TableLearner | None, arm: Arm, asker: Asker, turn: Turn
) -> TableLearner | None:
    """Who learns within the next block: as before beside the same model, anew beside another, or nobody."""
    if arm.tables is None:
        return None
    if learner is None or learner.model is not model:
        return TableLearner.start(model, asker, arm.tables, turn)
    learner.catch_up(turn.begin)
    return learner


def seed_of(seed: int, block: int) -> int:
    """Of what an arm draws before ``block``."""
    return 100 * seed + block


def nothing_asked(stream: Stream) -> ArmRun:
    """Of an arm that is about to begin."""
    relevant, blocks = len(stream.split.questions.items), stream.blocks
    ranks, after, final = (np.zeros(relevant, np.int32) for _ in range(3))
    return ArmRun(ranks, after, final, np.full((blocks + 1, blocks), np.nan), np.zeros(blocks + 1))


def note(stream: Stream, run: ArmRun, block: int, ranks: Ranks) -> None:
    """Put down what was answered before ``block``; ``ranks`` (R,), 0 where nothing was asked."""
    of = stream.block[stream.split.questions.owner]
    values = quality(stream, ranks)[NDCG]
    for k in np.unique(of[ranks > 0]):
        run.matrix[block, k] = values[stream.block == k].mean()
    run.ranks[of == block] = ranks[of == block]
    run.after[of == block - 1] = ranks[of == block - 1]
    if block == stream.blocks:
        run.final[:] = ranks


def _note_in_turn(run: ArmRun, block: int, learner: TableLearner, clock: Callable[[], float]) -> None:
    """Put down what was answered in ``block`` while it was learned."""
    stream = learner.asker.stream
    ranks, seconds = learner.ask(block, clock)
    of = stream.block[stream.split.questions.owner]
    run.ranks[of == block] = ranks[of == block]
    run.seconds[block] += seconds
