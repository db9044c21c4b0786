"""Training that goes on after an interruption: one atomic folder after each epoch, no pickle."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from penchant.model.folders import write_folder
from penchant.model.histories import FloatArray, Histories
from penchant.model.net import PreferenceNet
from penchant.model.settings import ModelSettings


@dataclass(slots=True, eq=False)
class Checkpoint:
    """Where a run stands: ``metric`` and ``best`` are those of the best epoch, ``stale`` epochs ago."""

    epoch: int
    steps: int
    stale: int
    metric: float
    seconds: float
    best: dict[str, Tensor]
    last: dict[str, Tensor]

    @classmethod
    def fresh(cls, net: PreferenceNet) -> "Checkpoint":
        """Before the first epoch."""
        return cls(0, 0, 0, -1.0, 0.0, _copy(net), _copy(net))

    def after_epoch(self, net: PreferenceNet, metric: float, steps: int) -> "Checkpoint":
        """One epoch later; no better metric makes it stale."""
        now = _copy(net)
        better = metric > self.metric
        return Checkpoint(
            epoch=self.epoch + 1,
            steps=self.steps + steps,
            stale=0 if better else self.stale + 1,
            metric=max(metric, self.metric),
            seconds=self.seconds,
            best=now if better else self.best,
            last=now,
        )

    def done(self, settings: ModelSettings, seconds: float) -> bool:
        """Enough epochs, too many stale ones, or the time is over."""
        late = settings.time_budget_s is not None and seconds >= settings.time_budget_s
        return (
            self.epoch >= settings.max_epochs or self.stale >= settings.patience or (late and self.epoch > 0)
        )


def fingerprint(histories: Histories, text: FloatArray | None, settings: ModelSettings) -> str:
    """Hash of all that a run depends on; a checkpoint of another run is not resumed."""
    digest = hashlib.sha256(msgspec.json.encode(settings.to_dict()))
    for column in (histories.offsets, histories.items, histories.types, histories.times, histories.baskets):
        digest.update(np.ascontiguousarray(column).view(np.uint8).data)
    if text is not None:
        digest.update(np.ascontiguousarray(text).view(np.uint8).data)
    return digest.hexdigest()


def save_checkpoint(
    folder: Path, state: Checkpoint, optimizer: torch.optim.Optimizer, rng: np.random.Generator, key: str
) -> None:
    """Replace the checkpoint at ``folder``."""
    tensors = {f"best.{k}": v for k, v in state.best.items()} | {
        f"last.{k}": v for k, v in state.last.items()
    }
    for number, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in slots.items()}
    tensors["random"] = torch.get_rng_state()
    facts = {
        "key": key,
        "epoch": state.epoch,
        "steps": state.steps,
        "stale": state.stale,
        "metric": state.metric,
        "seconds": state.seconds,
        "rng": rng.bit_generator.state,
    }

    def write(into: Path) -> None:
        save_file({name: t.contiguous().clone() for name, t in tensors.items()}, into / "state.safetensors")
        (into / "state.json").write_text(_json(facts), encoding="utf-8")

    write_folder(folder, write)


def load_checkpoint(
    folder: Path, net: PreferenceNet, optimizer: torch.optim.Optimizer, rng: np.random.Generator, key: str
) -> Checkpoint | None:
    """Put net, optimizer and random state back; None where there is no checkpoint of this very run."""
    try:
        facts: dict[str, Any] = _facts((folder / "state.json").read_text(encoding="utf-8"))
        if facts["key"] != key:
            return None
        tensors = load_file(folder / "state.safetensors")
    except (OSError, ValueError, KeyError):
        return None
    best, last = _part(tensors, "best."), _part(tensors, "last.")
    net.load_state_dict(last)
    state = optimizer.state_dict()
    state["state"] = _slots(_part(tensors, "optimizer."))
    optimizer.load_state_dict(state)
    rng.bit_generator.state = facts["rng"]
    torch.set_rng_state(tensors["random"])
    numbers = (facts["epoch"], facts["steps"], facts["stale"], facts["metric"], facts["seconds"])
    return Checkpoint(*numbers, best, last)


def clear_checkpoint(folder: Path) -> None:
    """Remove a checkpoint that is no longer needed."""
    shutil.rmtree(folder, ignore_errors=True)


def _copy(net: PreferenceNet) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _slots(flat: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        number, slot = name.split(".", 1)
        slots.setdefault(int(number), {})[slot] = value
    return slots


def _json(facts: dict[str, Any]) -> str:

    return json.dumps(facts)


def _facts(text: str) -> dict[str, Any]:

    return json.loads(text)
