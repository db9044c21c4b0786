"""Training that goes on after an interruption: one atomic folder after each epoch, no pickle."""

import hashlib
import json
import logging
import shutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from penchant.model.examples import Questions
from penchant.model.folders import restore_folder, write_folder
from penchant.model.histories import FloatArray, Histories
from penchant.model.net import PreferenceNet
from penchant.model.optimisers import RunningMean
from penchant.model.settings import ModelSettings

FORMAT = 6
"""Version of the checkpoint; one of another version is left aside."""

_TENSORS, _FACTS = "state.safetensors", "state.json"
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Checkpoint:
    """Where a run stands.

    Attributes:
        metric, best: of the best epoch, ``stale`` epochs ago; ``best`` are averaged weights.
        last: weights after the last epoch. mean: their running average.
    """

    epoch: int
    steps: int
    stale: int
    metric: float
    seconds: float
    best: dict[str, Tensor]
    last: dict[str, Tensor]
    mean: dict[str, Tensor]

    @classmethod
    def fresh(cls, net: PreferenceNet, average: RunningMean) -> "Checkpoint":
        """Before the first epoch."""
        return cls(0, 0, 0, -1.0, 0.0, _copy(net), _copy(net), _copy(average))

    def after_epoch(
        self, net: PreferenceNet, average: RunningMean, metric: float, steps: int
    ) -> "Checkpoint":
        """One epoch later; ``metric`` is of the ``average``, and no better one makes it stale."""
        better = metric > self.metric
        return Checkpoint(
            epoch=self.epoch + 1,
            steps=self.steps + steps,
            stale=0 if better else self.stale + 1,
            metric=max(metric, self.metric),
            seconds=self.seconds,
            best=_copy(average.module) if better else self.best,
            last=_copy(net),
            mean=_copy(average),
        )

    def done(self, settings: ModelSettings, seconds: float) -> bool:
        """Enough epochs, too many stale ones, or the time is over."""
        late = settings.time_budget_s is not None and seconds >= settings.time_budget_s
        return (
            self.epoch >= settings.max_epochs or self.stale >= settings.patience or (late and self.epoch > 0)
        )


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the tensors; ``checksum`` is their sha256."""

    format: int
    key: str
    checksum: str
    epoch: int
    steps: int
    stale: int
    metric: float
    seconds: float
    rng: dict[str, Any]


def fingerprint(
    histories: Histories,
    text: FloatArray | None,
    settings: ModelSettings,
    held_out: Questions,
    *more: NDArray[Any] | None,
) -> str:
    """Hash of all that a run depends on; a checkpoint of another run is not resumed.

    ``more``: what is known of items and people beside.
    """
    digest = hashlib.sha256(msgspec.json.encode(settings.to_dict()))
    for part in (histories, held_out):
        for field in fields(part):
            digest.update(np.ascontiguousarray(getattr(part, field.name)).view(np.uint8).data)
    for array in (text, *more):
        digest.update(b"none" if array is None else np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


def save_checkpoint(
    folder: Path, state: Checkpoint, optimizer: torch.optim.Optimizer, rng: np.random.Generator, key: str
) -> None:
    """Replace the checkpoint at ``folder``.

    Raises:
        StorageError: the disk refused; the checkpoint before it is still there.
    """
    parts = {"best": state.best, "last": state.last, "mean": state.mean}
    tensors = {f"{part}.{name}": value for part, named in parts.items() for name, value in named.items()}
    for number, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in slots.items()}
    tensors["random"] = torch.get_rng_state()

    def write(into: Path) -> None:
        save_file({name: t.contiguous().clone() for name, t in tensors.items()}, into / _TENSORS)
        facts = _Facts(
            format=FORMAT,
            key=key,
            checksum=_sha256(into / _TENSORS),
            epoch=state.epoch,
            steps=state.steps,
            stale=state.stale,
            metric=state.metric,
            seconds=state.seconds,
            rng=dict(rng.bit_generator.state),
        )
        # Not msgspec: the generator's numbers have 128 bits.
        (into / _FACTS).write_text(json.dumps(msgspec.structs.asdict(facts)), encoding="utf-8")

    write_folder(folder, write)


def load_checkpoint(  # noqa: PLR0917
    folder: Path,
    net: PreferenceNet,
    average: RunningMean,
    optimizer: torch.optim.Optimizer,
    rng: np.random.Generator,
    key: str,
) -> Checkpoint | None:
    """Put net, average, optimizer and random state back; None where there is no checkpoint of this very run.

    One that does not fit is no obstacle: why it is left aside is logged, and nothing is changed by it.
    """
    restore_folder(folder)
    if not folder.exists():
        return None
    try:
        facts, tensors = _read(folder, key)
        best, last, mean = (_part(tensors, name) for name in ("best.", "last.", "mean."))
        fits = (best, net), (last, net), (mean, average)
        if any(_shapes(part) != _shapes(module.state_dict()) for part, module in fits):
            raise _Unfit("it was made by another version of Penchant")
    except _Unfit as why:
        _log.warning("the training checkpoint does not fit: %s. Training starts anew.", why)
        return None
    net.load_state_dict(last)
    average.load_state_dict(mean)
    state = optimizer.state_dict()
    state["state"] = _slots(_part(tensors, "optimizer."))
    optimizer.load_state_dict(state)
    rng.bit_generator.state = facts.rng
    torch.set_rng_state(tensors["random"])
    _log.info("training goes on after epoch %d, from its checkpoint", facts.epoch)
    return Checkpoint(facts.epoch, facts.steps, facts.stale, facts.metric, facts.seconds, best, last, mean)


def clear_checkpoint(folder: Path) -> None:
    """Remove a checkpoint that is no longer needed."""
    shutil.rmtree(folder, ignore_errors=True)


class _Unfit(Exception):
    """Why a checkpoint cannot be gone on from, in words."""


def _read(folder: Path, key: str) -> tuple[_Facts, dict[str, Tensor]]:
    """Everything in a checkpoint of this run, checked; :class:`_Unfit` says why not."""
    try:
        raw = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise _Unfit("it was made by another version of Penchant")
        facts = msgspec.convert(raw, _Facts)
        if facts.key != key:
            raise _Unfit("the data or the settings have changed since")
        np.random.default_rng().bit_generator.state = facts.rng
        if _sha256(folder / _TENSORS) != facts.checksum:
            raise _Unfit(f"{_TENSORS} is damaged")
        return facts, load_file(folder / _TENSORS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _Unfit(f"it cannot be read ({error})") from error


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _copy(net: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _slots(flat: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        number, slot = name.split(".", 1)
        slots.setdefault(int(number), {})[slot] = value
    return slots


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
