"""Simulated trials of many shapes, each with the effect that every row truly has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Columns as a shop would have them, and what nobody knows outside a simulation.

    Attributes:
        columns: features by name, each (n,) numbers or (n,) text, None where missing.
        treated: (n,) who got the offer.
        outcome: (n,) what came of it.
        effect: (n,) true difference that the offer makes to the expected outcome.
        baseline: (n,) expected outcome without the offer.
    """

    columns: dict[str, list[Any]]
    treated: NDArray[np.bool_]
    outcome: Floats
    effect: Floats
    baseline: Floats


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a trial.

    Attributes:
        rate: mean outcome without the offer; below 1 where it is 0 or 1.
        effect: mean effect as a share of ``rate``.
        spread: how much effects differ between people, as a share of ``rate``.
        kind: how effects depend on a person: a name of :data:`KINDS`.
        share: of the people who get the offer.
        binary: the outcome is 0 or 1; else it is an amount, nothing for most.
        noise: features that mean nothing.
        chosen: how strongly the offer went to people by their features; 0 is a randomised trial.
    """

    rate: float = 0.1
    effect: float = 0.2
    spread: float = 0.3
    kind: str = "linear"
    share: float = 0.5
    binary: bool = True
    noise: int = 4
    chosen: float = 0.0


def _linear(x: Floats, _: Floats) -> Floats:
    return x[:, 0] - 0.7 * x[:, 1]


def _steps(x: Floats, _: Floats) -> Floats:
    return np.where((x[:, 0] > 0) & (x[:, 2] > 0), 1.0, -0.3)


def _curved(x: Floats, _: Floats) -> Floats:
    return np.sin(2 * x[:, 0]) + np.abs(x[:, 1]) - 0.8


def _by_response(_: Floats, response: Floats) -> Floats:
    return response


def _against_response(x: Floats, response: Floats) -> Floats:
    """Whoever would buy anyway is not moved, or even put off: targeting by response fails here."""
    return 0.5 * x[:, 1] - response


def _none(x: Floats, _: Floats) -> Floats:
    return np.zeros(len(x))


KINDS: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "linear": _linear,
    "steps": _steps,
    "curved": _curved,
    "by-response": _by_response,
    "against-response": _against_response,
    "none": _none,
}


def simulated_trial(rows: int, shape: Shape, seed: int = 0) -> Trial:
    """People with features, some of whom get an offer.

    >>> trial = simulated_trial(1000, Shape(rate=0.2))
    >>> 0.1 < float(trial.outcome.mean()) < 0.4, len(trial.effect)
    (True, 1000)
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 5))
    town = rng.integers(0, 6, rows)
    response = 0.8 * x[:, 0] + 0.5 * x[:, 3] + 0.4 * (town == 2) + 0.3 * x[:, 3] * (x[:, 4] > 0)
    response = (response - response.mean()) / response.std()
    shaped = KINDS[shape.kind](x, response)
    deviation = shaped.std()
    shaped = (shaped - shaped.mean()) / deviation if deviation > 0 else shaped
    effect = shape.rate * (shape.effect + shape.spread * shaped)
    logit = np.log(shape.rate) + 0.7 * response if shape.binary else 0.6 * response
    baseline = np.exp(logit) / np.exp(0.5 * (0.7 if shape.binary else 0.6) ** 2)
    baseline = np.clip(baseline, 0.0, 0.95) if shape.binary else shape.rate * baseline
    expected = np.clip(baseline + effect, 0.0, 0.98 if shape.binary else None)
    chance = 1 / (1 + np.exp(-(np.log(shape.share / (1 - shape.share)) + shape.chosen * response)))
    treated = rng.random(rows) < chance
    mean = np.where(treated, expected, baseline)
    if shape.binary:
        outcome = (rng.random(rows) < mean).astype(np.float64)
    else:
        buys = rng.random(rows) < 0.3
        outcome = np.where(buys, rng.gamma(1.5, np.maximum(mean, 1e-9) / 0.3 / 1.5), 0.0)
    return Trial(_columns(x, town, rng, shape.noise), treated, outcome, expected - baseline, baseline)


def _columns(
    x: Floats, town: NDArray[np.int64], rng: np.random.Generator, noise: int
) -> dict[str, list[Any]]:
    rows = len(x)
    columns: dict[str, list[Any]] = {
        "recency": x[:, 0].tolist(),
        "spent": np.exp(x[:, 1]).round(4).tolist(),
        "visits": x[:, 2].tolist(),
        "age": [None if gone else value for gone, value in zip(rng.random(rows) < 0.1, x[:, 3], strict=True)],
        "basket": x[:, 4].tolist(),
        "town": [f"town {number}" for number in town],
    }
    for number in range(noise):
        columns[f"noise {number}"] = rng.standard_normal(rows).tolist()
    return columns
