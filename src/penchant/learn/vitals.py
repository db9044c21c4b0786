"""Signs that a snapshot is broken, whatever its quality looks like: pure functions over its arrays."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.metrics import coverage
from penchant.settings import Fraction

Floats = NDArray[np.floating]
Ratio = Annotated[float, Meta(gt=1.0)]

LISTED = 10
"""Places of a list that count for coverage."""

NORMS = (0.5, 0.99, 1.0)
"""Quantiles of the item vectors' norms that are looked at, the median first."""

SCORES = (0.05, 0.5, 0.95)
"""Quantiles of the scores that are looked at."""


class VitalLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a challenger's vitals may be from its champion's.

    Attributes:
        norm_ratio: norms may grow, and their median shrink, by this factor.
        score_jump: quantiles of the scores may move by this share of the champion's 5% to 95% range.
        score_ratio: that range may grow or shrink by this factor.
        coverage_share: at least this share of what the champion's lists show of the catalogue must be shown.
    """

    norm_ratio: Ratio = 2.0
    score_jump: Annotated[float, Meta(gt=0.0)] = 0.5
    score_ratio: Ratio = 2.0
    coverage_share: Fraction = 0.5


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at in a snapshot.

    Attributes:
        finite: no NaN and no infinity in vectors, biases and scores. What is not finite is left out below.
        norms: of the item vectors, at the quantiles :data:`NORMS`; zeros where there are none.
        scores: over all items and sample contexts, at the quantiles :data:`SCORES`.
        coverage: share of the catalogue in the first ten places of the sample contexts' lists.
    """

    finite: bool
    norms: tuple[float, float, float]
    scores: tuple[float, float, float]
    coverage: float


def vitals_of(vectors: Floats, biases: Floats, scores: Floats, lists: NDArray[np.int32]) -> Vitals:
    """The vitals of one snapshot. Champion and challenger need the same items and the same contexts.

    Args:
        vectors: (N, D) output vector of each item.
        biases: (N,) of each item.
        scores: (S, N) of S sample contexts. ``-inf`` is an item that may not be shown, and no fault.
        lists: (S, K) rows of items, best first, -1 for an empty place.

    Raises:
        InvalidInput: no item, or shapes that do not fit.

    >>> vitals_of(np.eye(2), np.zeros(2), np.array([[1.0, 0.0]]), np.int32([[0]]))
    Vitals(finite=True, norms=(1.0, 1.0, 1.0), scores=(0.05, 0.5, 0.95), coverage=0.5)
    """
    items = len(vectors)
    if not items or len(biases) != items or scores.shape[1:] != (items,):
        shapes = [vectors.shape, biases.shape, scores.shape]
        raise InvalidInput(f"vitals need (N, D) vectors, (N,) biases and (S, N) scores, got {shapes}")
    kept = scores[scores != -np.inf]
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    finite = all(bool(np.isfinite(part).all()) for part in (norms, biases, kept))
    return Vitals(
        finite=finite,
        norms=_quantiles(norms, NORMS),
        scores=_quantiles(kept, SCORES),
        coverage=coverage(lists, LISTED, items),
    )


def best(scores: Floats) -> NDArray[np.int32]:
    """Rows of the ten best items of each question, best first, of scores (b, N).

    >>> best(np.float32([[0.1, 0.9, 0.5]])).tolist()
    [[1, 2, 0]]
    """
    count = min(LISTED, scores.shape[1])
    top = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
    return np.take_along_axis(top, order, 1).astype(np.int32)


def vital_faults(champion: Vitals, challenger: Vitals, limits: VitalLimits | None = None) -> list[str]:
    """Why the challenger must not serve, in plain words with figures; empty if nothing is wrong.

    Where the champion has a zero, nothing can be said of a ratio to it, and nothing is.

    >>> fine = Vitals(finite=True, norms=(1.0, 2.0, 3.0), scores=(-1.0, 0.0, 1.0), coverage=0.4)
    >>> vital_faults(fine, msgspec.structs.replace(fine, coverage=0.1))
    ['its lists show 10.0% of the catalogue, the champion 40.0%; at least 20.0% is needed']
    """
    if not champion.finite:
        return ["the champion itself holds NaN or infinity, so nothing can be compared: roll back first"]
    if not challenger.finite:
        return ["its vectors, biases or scores hold NaN or infinity"]
    limits = limits or VitalLimits()
    return [
        *_norm_faults(champion, challenger, limits),
        *_score_faults(champion, challenger, limits),
        *_coverage_faults(champion, challenger, limits),
    ]


def _norm_faults(champion: Vitals, challenger: Vitals, limits: VitalLimits) -> Iterator[str]:
    for place, (share, old, new) in enumerate(zip(NORMS, champion.norms, challenger.norms, strict=True)):
        # Only the median may not shrink: a single overgrown item that comes back is no fault.
        shrunk = place == 0 and new * limits.norm_ratio < old
        if old and (new > old * limits.norm_ratio or shrunk):
            yield (
                f"the norm of its item vectors at {share:.0%} is {new:.4g}, the champion's {old:.4g}; "
                f"a factor of {limits.norm_ratio:g} is allowed"
            )


def _score_faults(champion: Vitals, challenger: Vitals, limits: VitalLimits) -> Iterator[str]:
    width, new_width = (found.scores[-1] - found.scores[0] for found in (champion, challenger))
    if not width:
        return
    if not width / limits.score_ratio <= new_width <= width * limits.score_ratio:
        yield (
            f"its scores spread over {new_width:.4g}, the champion's over {width:.4g}; "
            f"a factor of {limits.score_ratio:g} is allowed"
        )
    for share, old, new in zip(SCORES, champion.scores, challenger.scores, strict=True):
        if abs(new - old) > limits.score_jump * width:
            yield (
                f"its scores at {share:.0%} jump from {old:.4g} to {new:.4g}; "
                f"{limits.score_jump * width:.4g} is allowed"
            )


def _coverage_faults(champion: Vitals, challenger: Vitals, limits: VitalLimits) -> Iterator[str]:
    least = limits.coverage_share * champion.coverage
    if challenger.coverage < least:
        yield (
            f"its lists show {challenger.coverage:.1%} of the catalogue, "
            f"the champion {champion.coverage:.1%}; at least {least:.1%} is needed"
        )


def _quantiles(values: Floats, shares: tuple[float, float, float]) -> tuple[float, float, float]:
    kept = values[np.isfinite(values)]
    if not len(kept):
        return 0.0, 0.0, 0.0
    low, middle, high = np.quantile(kept.astype(np.float64), shares)
    return float(low), float(middle), float(high)
