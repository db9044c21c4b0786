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
    intervals,
    list_means,
    popular_items,
    relevance_metrics,
    self_information,
)

Columns = dict[str, NDArray[np.float64]]
"""Metric name → value for each question, (C,)."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How intervals are made, and the cut-offs that are measured."""

    cutoffs: tuple[int, ...] = (1, 5, 10, 20)
    draws: int = 1_000
    level: float = 0.95
    seed: int = 0


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


def coverages(ranked: Ranked, items: int, cutoffs: Sequence[int]) -> Metrics:
    """Coverage has no interval: a resample always shows less of the catalogue than the whole."""
    return {f"coverage@{k}": Estimate(coverage(ranked.lists, k, items)) for k in cutoffs}


def summarise(
    questions: Pool,
    ranked: Mapping[str, Ranked],
    mask: Mask | None,
    sampling: Sampling,
    extra: Mapping[str, Columns] | None = None,
) -> Group:
    """Metrics of every model on the relevant items in ``mask`` (all if None), with intervals.

    Differences are of the first model to each other one. All models share the resamples.
    """
    kept = np.ones(len(questions.owner), dtype=bool) if mask is None else mask
    asked = np.unique(questions.owner[kept])
    people, rows = np.unique(questions.people[asked], return_inverse=True)
    n = Counts(people=len(people), questions=len(asked), relevant=int(kept.sum()))
    if not len(asked):
        return Group(n=n, models={}, differences={})
    columns = {
        name: _relevance(questions, found, kept, sampling.cutoffs) | dict((extra or {}).get(name, {}))
        for name, found in ranked.items()
    }
    names = list(next(iter(columns.values())))
    values = np.stack([columns[model][name][asked] for model in columns for name in names], axis=1)
    sums, counts = cluster_sums(values, rows, len(people))
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
