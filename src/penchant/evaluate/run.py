"""The use case: train models on the past, ask them about what came after, compare."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from penchant.errors import InvalidInput
from penchant.evaluate.baselines.popularity import popularity
from penchant.evaluate.protocols import (
    DAY,
    Split,
    default_cut,
    last_share_cut,
    leave_one_out,
    main_type,
    prequential,
    successive,
    time_split,
    without_tests,
)
from penchant.evaluate.ranked import Ranked, join_ranked, rank_questions
from penchant.evaluate.recommender import ItemTable, Recommender, Training
from penchant.evaluate.result import Evaluation, Group, Period, Seconds
from penchant.evaluate.segments import Pool, pool
from penchant.evaluate.summary import Answers, Sampling, coverages, each_run, extra_columns, summarise
from penchant.metrics import tie_order
from penchant.model.histories import Histories
from penchant.types import EventType

PROTOCOLS = ("leave-one-out", "time-split", "prequential", "successive")
PARTS = ("test", "validation")

Progress = Callable[[str, float], None]
"""Told what is being done and the share of it that is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to evaluate.

    Attributes:
        protocol: one of ``PROTOCOLS``.
        cut: unix seconds; None for the last four weeks (successive: the last tenth of the events). Not
            for leave-one-out.
        target: type to predict; None for purchases where there are some (leave-one-out: any).
        blocks: checkpoints of a prequential evaluation.
        sampling: cut-offs and intervals.
        on: ``"test"``, or ``"validation"``: the same questions one step earlier, to choose settings by.
            The test part of the data is then gone before anything is looked at: leave-one-out asks the
            event before the last, the other protocols are applied to what came before their cut.
    """

    protocol: str = "time-split"
    cut: float | None = None
    target: EventType | None = None
    blocks: int = 4
    sampling: Sampling = field(default_factory=Sampling)
    on: str = "test"


def evaluate(
    histories: Histories,
    items: ItemTable,
    models: Sequence[Recommender],
    plan: Plan,
    *,
    dataset: str = "shop",
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Evaluation:
    """Train and compare ``models`` on the shop's own timeline; the first one is compared to each other.

    Args:
        histories: all events; what may be known at each moment is seen to here.
        items: the catalogue; every item is ranked for every question.
        models: each is fitted once for each training part.
        plan: protocol and its settings.
        dataset: name for the report.
        progress: for people.
        clock: seconds that only go on.

    Raises:
        InvalidInput: an unknown protocol, no models, two of one name, or a NaN score.
        NotEnoughData: nothing to train on or nothing to predict.
    """
    _check(histories, items, models)
    tell = progress or _silent
    splits = make_splits(histories, plan)
    ties = tie_order(items.count)
    depth = max(plan.sampling.cutoffs)
    answers: dict[str, list[Ranked]] = {}
    seconds: dict[str, Seconds] = {}
    for model in models:
        parts: list[Ranked] = []
        fit = score = 0.0
        for split in splits:
            step = f"{model.name}, {split.label}"
            begun = clock()
            tell(f"training {step}", 0.0)
            model.fit(Training(split.train, items, split.target, split.full, split.validation))
            trained = clock()
            parts.append(rank_questions(model, split, depth, ties, _told(tell, f"asking {step}")))
            fit, score = fit + trained - begun, score + clock() - trained
        answers[model.name] = [join_ranked(parts)]
        seconds[model.name] = Seconds(fit=fit, score=score)
    tell("comparing", 0.0)
    return compare(splits, answers, seconds, plan=plan, items=items, dataset=dataset)


def make_splits(histories: Histories, plan: Plan) -> list[Split]:
    """The training parts and questions of ``plan``: one, or one for each prequential block.

    Raises:
        InvalidInput: an unknown protocol or part, or a cut for leave-one-out.
    """
    if plan.on not in PARTS:
        raise InvalidInput(f"unknown part {plan.on!r}: choose one of {', '.join(PARTS)}")
    if plan.protocol not in PROTOCOLS:
        raise InvalidInput(f"unknown protocol {plan.protocol!r}: choose one of {', '.join(PROTOCOLS)}")
    if plan.protocol == "leave-one-out":
        if plan.cut is not None:
            raise InvalidInput("leave-one-out has no cut: it takes each person's last event")
        split = leave_one_out(histories, plan.target)
        return [split if plan.on == "test" else without_tests(split)]
    if plan.on == "validation":
        target = plan.target or main_type(histories)
        known = histories.before(_first_cut(histories, plan, target))
        return make_splits(known, replace(plan, on="test", cut=None, target=target))
    if plan.protocol == "time-split":
        return [time_split(histories, plan.cut, plan.target)]
    if plan.protocol == "successive":
        return [successive(histories, plan.cut, plan.target)]
    return prequential(histories, plan.cut, plan.target, plan.blocks)


def _first_cut(histories: Histories, plan: Plan, target: EventType) -> float:
    """Where the test part of ``plan`` begins."""
    if plan.cut is not None:
        return plan.cut
    return last_share_cut(histories, target) if plan.protocol == "successive" else default_cut(histories)


def _check(histories: Histories, items: ItemTable, models: Sequence[Recommender]) -> None:
    names = [model.name for model in models]
    if not names or len(set(names)) != len(names):
        raise InvalidInput(f"an evaluation needs models of different names, got {names}")
    newest = int(histories.items.max(initial=-1))
    if newest >= items.count:
        raise InvalidInput(f"events name item row {newest}, but the catalogue has {items.count} items")


def _silent(what: str, done: float) -> None:
    """Nobody listens."""


def _told(progress: Progress, what: str) -> Callable[[float], None]:
    return lambda done: progress(what, done)


def compare(
    splits: list[Split],
    answers: Answers,
    seconds: dict[str, Seconds],
    *,
    plan: Plan,
    items: ItemTable,
    dataset: str = "shop",
) -> Evaluation:
    """What lists of several models are worth, however they were made.

    Args:
        splits: from :func:`make_splits`.
        answers: of each model, for the questions of all splits in their order; several for several seeds.
        seconds: spent on each model; of several runs, their mean.
        plan: the plan that ``splits`` came from.
        items: the catalogue.
        dataset: name for the report.
    """
    questions = pool(splits, items.count)
    sampling, first = plan.sampling, splits[0]
    known = popularity(first.train, items.count, first.target)
    overall = summarise(
        questions, answers, None, sampling, extra_columns(questions, answers, known, sampling.cutoffs)
    )
    models = {
        name: metrics | coverages(answers[name], items.count, sampling.cutoffs)
        for name, metrics in overall.models.items()
    }
    parts = {name: summarise(questions, answers, mask, sampling) for name, mask in questions.segments.items()}
    return Evaluation(
        protocol=plan.protocol,
        dataset=dataset,
        models=models,
        differences=overall.differences,
        segments={name: group for name, group in parts.items() if group.n.questions},
        periods=_periods(splits, questions, answers, plan),
        counts=_counts(first, overall, items),
        seconds=seconds,
        settings=_settings(splits, plan),
        runs=each_run(questions, answers, sampling.cutoffs),
    )


def _counts(first: Split, overall: Group, items: ItemTable) -> dict[str, int]:
    return {
        "people": overall.n.people,
        "questions": overall.n.questions,
        "relevant": overall.n.relevant,
        "items": items.count,
        "people_in_all": first.full.people,
        "events_in_all": first.full.events,
        "training_events": first.train.events,
    }


def _settings(splits: list[Split], plan: Plan) -> dict[str, str | int | float | None]:
    first = splits[0]
    return {
        "target": "any" if first.target is None else first.target.value,
        "cut": None if plan.protocol == "leave-one-out" else first.start,
        "end": splits[-1].end,
        "blocks": len(splits) if plan.protocol == "prequential" else None,
        "cutoffs": ",".join(str(k) for k in plan.sampling.cutoffs),
        "draws": plan.sampling.draws,
        "level": plan.sampling.level,
        "seed": plan.sampling.seed,
        "part": plan.on,
        "ranking": "full catalogue, seen items left out" if first.leave_out_seen else "full catalogue",
    }


def _periods(splits: list[Split], questions: Pool, answers: Answers, plan: Plan) -> list[Period]:
    """Blocks as they were trained; for a time split the weeks after the cut."""
    if plan.protocol == "leave-one-out":
        return []
    found: list[Period] = []
    for label, start, end in _spans(splits, plan):
        last = end >= splits[-1].end
        inside = (questions.times >= start) & ((questions.times < end) | last)
        group = summarise(questions, answers, inside[questions.owner], plan.sampling)
        if group.n.questions:
            found.append(Period(label=label, start=start, end=end, n=group.n, models=group.models))
    return found


def _spans(splits: list[Split], plan: Plan) -> list[tuple[str, float, float]]:
    if plan.protocol == "prequential":
        return [(split.label, split.start, split.end) for split in splits]
    start, end = splits[0].start, splits[0].end
    weeks = max(1, int(np.ceil((end - start) / (7 * DAY) - 1e-9)))
    return [(f"week {i + 1}", start + 7 * DAY * i, min(end, start + 7 * DAY * (i + 1))) for i in range(weeks)]
