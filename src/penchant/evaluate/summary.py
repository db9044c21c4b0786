"""From lists and ranks to metrics with intervals, for all questions and for parts of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.evaluate.ranked import Ranked
from penchant.evaluate.result import Counts, Estimate, Group, Metrics
from penchant.evaluate.segments import Mask, Pool
from penchant.metrics import (
    Interval,
    bounds,
    cluster_bootstrap,
    cluster_sums,
    coverage,
    debiased_metrics,
    intervals,
    list_means,
    popular_items,
    propensities,
    relevance_metrics,
    self_information,
    tie_order,
)

Columns = dict[str, NDArray[np.float64]]
"""Metric name → value for each question, (C,)."""

Answers = Mapping[str, Sequence[Ranked]]
"""Model → its answers to all questions, once for each run (seed)."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How intervals are made, and the cut-offs that are measured."""

    cutoffs: tuple[int, ...] = (1, 5, 10, 20)
    draws: int = 1_000
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Extra:
    """Metrics beyond relevance.

    Attributes:
        columns: model → metric → (C,). weights: metric → (C,) how much each question counts in its mean, for
            those where not all count the same.
    """

    columns: Mapping[str, Columns]
    weights: Columns


def extra_columns(
    questions: Pool, answers: Answers, popularity: NDArray[np.int64], cutoffs: Sequence[int]
) -> Extra:
    """What the lists show of the catalogue, and relevance with rare items counted for more.

    ``popularity`` (N,) is counted on the training part, before any question.
    """
    ties = tie_order(len(popularity))
    chances = propensities(popularity)[questions.items]
    columns: dict[str, Columns] = {}
    weights: Columns = {}
    for name, runs in answers.items():
        found: list[Columns] = []
        for run in runs:
            debiased, weights = debiased_metrics(run.ranks, questions.owner, len(questions), cutoffs, chances)
            found.append(debiased | catalogue_columns(run, popularity, ties, cutoffs))
        columns[name] = mean_columns(found)
    return Extra(columns, weights)


def mean_columns(runs: Sequence[Columns]) -> Columns:
    """Each question's mean over several runs of one model.

    >>> mean_columns([{"hit@1": np.array([0.0, 1.0])}, {"hit@1": np.array([1.0, 1.0])}])["hit@1"].tolist()
    [0.5, 1.0]
    """
    if len(runs) == 1:
        return runs[0]
    return {name: np.stack([run[name] for run in runs]).mean(axis=0) for name in runs[0]}


def catalogue_columns(
    ranked: Ranked, popularity: NDArray[np.int64], ties: NDArray[np.int32], cutoffs: Sequence[int]
) -> Columns:
    """Novelty and share of popular items of each list.

    ``popularity`` (N,) is counted on the training part, before any question.
    """
    bits = self_information(popularity)
    top = {share: popular_items(popularity, share / 100, ties) for share in (1, 10)}
    found: Columns = {}
    for k in cutoffs:
        found[f"novelty@{k}"] = list_means(ranked.lists, k, bits)
        for share, mask in top.items():
            found[f"popular-{share}%@{k}"] = list_means(ranked.lists, k, mask)
    return found


def coverages(runs: Sequence[Ranked], items: int, cutoffs: Sequence[int]) -> Metrics:
    """Coverage has no interval: a resample always shows less of the catalogue than the whole."""
    return {
        f"coverage@{k}": Estimate(float(np.mean([coverage(run.lists, k, items) for run in runs])))
        for k in cutoffs
    }


def summarise(
    questions: Pool,
    answers: Answers,
    mask: Mask | None,
    sampling: Sampling,
    extra: Extra | None = None,
) -> Group:
    """Metrics of every model on the relevant items in ``mask`` (all if None), with intervals.

    Differences are of the first model to each other one. All models share the resamples of people. Of a
    model that ran several times each question's value is the mean of its runs.
    """
    kept = np.ones(len(questions.owner), dtype=bool) if mask is None else mask
    asked = np.unique(questions.owner[kept])
    people, rows = np.unique(questions.people[asked], return_inverse=True)
    n = Counts(people=len(people), questions=len(asked), relevant=int(kept.sum()))
    if not len(asked):
        return Group(n=n, models={}, differences={})
    extra = extra or Extra({}, {})
    columns = {
        name: mean_columns([_relevance(questions, run, kept, sampling.cutoffs) for run in runs])
        | dict(extra.columns.get(name, {}))
        for name, runs in answers.items()
    }
    names = list(next(iter(columns.values())))
    values = np.stack([columns[model][name][asked] for model in columns for name in names], axis=1)
    even = np.ones(len(asked))
    weights = np.stack(
        [extra.weights[name][asked] if name in extra.weights else even for name in names], axis=1
    )
    sums, counts = cluster_sums(values, rows, len(people), np.tile(weights, len(columns)))
    draws = cluster_bootstrap(sums, counts, sampling.draws, sampling.seed)
    found = intervals(sums, counts, draws, sampling.level)
    width = len(names)
    models = {
        model: {name: estimate(found[i * width + j]) for j, name in enumerate(names)}
        for i, model in enumerate(columns)
    }
    point = np.array([interval.value for interval in found])
    return Group(
        n=n, models=models, differences=_differences(list(columns), names, point, draws, sampling.level)
    )


def each_run(questions: Pool, answers: Answers, cutoffs: Sequence[int]) -> dict[str, list[dict[str, float]]]:
    """Mean relevance of each run of the models that ran more than once."""
    every = np.ones(len(questions.owner), dtype=bool)
    return {
        name: [
            {metric: float(np.nanmean(column)) for metric, column in found.items()}
            for found in (_relevance(questions, run, every, cutoffs) for run in runs)
        ]
        for name, runs in answers.items()
        if len(runs) > 1
    }


def _relevance(questions: Pool, ranked: Ranked, kept: Mask, cutoffs: Sequence[int]) -> Columns:
    return relevance_metrics(ranked.ranks[kept], questions.owner[kept], len(questions), cutoffs)


def _differences(
    models: list[str],
    names: list[str],
    point: NDArray[np.float64],
    draws: NDArray[np.float64],
    level: float,
) -> dict[str, Metrics]:
    """First model minus each other: of the means, draw by draw."""
    width = len(names)
    found: dict[str, Metrics] = {}
    for i, other in enumerate(models[1:], start=1):
        value = point[:width] - point[i * width : (i + 1) * width]
        apart = draws[:, :width] - draws[:, i * width : (i + 1) * width]
        found[f"{models[0]} - {other}"] = {
            name: estimate(Interval(float(value[j]), *bounds(apart[:, j], level)))
            for j, name in enumerate(names)
        }
    return found


def estimate(interval: Interval) -> Estimate:
    """NaN becomes None, for JSON.

    >>> estimate(Interval(0.5, float("nan"), 1.0))
    Estimate(value=0.5, low=None, high=1.0)
    """
    return Estimate(*(None if np.isnan(part) else float(part) for part in interval))
