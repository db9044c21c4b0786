"""Rows of an earlier result that a command did not run anew: kept beside the new ones, and marked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from penchant.evaluate.result import Evaluation, Group, Metrics, Period, read_evaluation

Costs = dict[str, list[dict]]
Value = TypeVar("Value")
KEPT = "kept"
"""The name in a run's report that says: of an earlier command."""


def with_kept(new: Evaluation, costs: Costs, folder: Path, name: str) -> tuple[Evaluation, Costs]:
    """The new rows, and those of ``folder``'s result of that name whose models did not run.

    Differences between a kept row and a new one are unknown: they would need both lists.

    Raises:
        SystemExit: the earlier result answers other questions.
    """
    path = folder / f"{name}.json"
    if not path.exists():
        return new, costs
    old = read_evaluation(path.read_bytes())
    if old.counts != new.counts or old.settings != new.settings:
        raise SystemExit(f"{path.name} is of other questions or settings: leave --keep out")
    before: Costs = json.loads((folder / f"{name}.runs.json").read_text("utf-8"))
    added = {model: [run | {KEPT: True} for run in runs] for model, runs in before.items()}
    return merged(new, old), {**costs, **_missing(added, costs)}


def merged(new: Evaluation, old: Evaluation) -> Evaluation:
    """Both, the new one where they have the same model."""
    return msgspec.structs.replace(
        new,
        models={**new.models, **_missing(old.models, new.models)},
        differences={**new.differences, **_among(old.differences, new.models)},
        segments={label: _group(group, old.segments.get(label)) for label, group in new.segments.items()},
        periods=[_period(period, old.periods) for period in new.periods],
        seconds={**new.seconds, **_missing(old.seconds, new.seconds)},
        runs={**new.runs, **_missing(old.runs, new.models)},
    )


def _group(new: Group, old: Group | None) -> Group:
    if old is None:
        return new
    return msgspec.structs.replace(
        new,
        models={**new.models, **_missing(old.models, new.models)},
        differences={**new.differences, **_among(old.differences, new.models)},
    )


def _period(new: Period, old: list[Period]) -> Period:
    same: dict[str, Metrics] = next((one.models for one in old if one.label == new.label), {})
    return msgspec.structs.replace(new, models={**new.models, **_missing(same, new.models)})


def _missing(old: Mapping[str, Value], new: Mapping[str, object]) -> dict[str, Value]:
    return {name: value for name, value in old.items() if name not in new}


def _among(old: Mapping[str, Value], new: Mapping[str, object]) -> dict[str, Value]:
    """Differences between two kept models."""
    return {pair: value for pair, value in old.items() if not set(pair.split(" - ")) & set(new)}
