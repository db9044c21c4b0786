"""From the training form to a snapshot folder."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from penchant.model.items import newcomer_bias
from penchant.model.scoring import PreferenceModel
from penchant.model.snapshot import FORMAT, Arrays, Learned, Manifest, encoder_id_of, write_snapshot

STATEFUL = ("encoder.", "tokens.", "input.", "whitening.", "start", "memory")
"""Weights that make a state. ``input.`` is the item table as tokens read it."""


def arrays_of(model: PreferenceModel) -> Arrays:
    """All weights of the serving form, by name."""
    arrays = {name: value.numpy() for name, value in model.net.state_dict().items()}
    for name in ("ids", "project.weight", "bias", "balance", "price", "delta"):
        arrays.pop(f"items.{name}", None)
    ids, project = model.net.items.folded()
    bias = model.item_scores().bias
    sold = np.flatnonzero(model.counts > 0)
    newcomer = newcomer_bias(bias, model.counts)
    return {
        **arrays,
        "input.sold": sold,
        "input.ids": ids[sold],
        "input.project": project,
        "input.price": model.net.items.price_vectors(),
        "input.price_borders": model.borders,
        "asked.vocabulary": model.vocabulary.packed(),
        "asked.apart": model.apart,
        "output.bias": bias[sold],
        "output.counts": model.counts[sold],
        **_moved(model.net.items.delta),
        "output.newcomer": np.array([newcomer], np.float32),
        "whitening.mean": model.whitening.mean,
        "whitening.matrix": model.whitening.matrix,
        "memory": np.array([model.settings.memory]),
    }


def _moved(delta: Tensor | None) -> dict[str, NDArray[Any]]:
    """What scores add to the vectors that tokens read, of the rows where it is something."""
    table = np.zeros((0, 0), np.float32) if delta is None else delta.detach().numpy()
    rows = np.flatnonzero(table.any(1))
    return {"output.rows": rows, "output.delta": table[rows]} if len(rows) else {}


def save_snapshot(
    model: PreferenceModel,
    folder: Path,
    *,
    id_table_hash: str,
    id_table_length: int,
    log_position: int,
    metrics: dict[str, float] | None = None,
    parent: str = "",
    learned: Learned | None = None,
) -> Manifest:
    """Write ``model`` to ``folder`` as a whole; see :mod:`penchant.model.snapshot`.

    Raises:
        StorageError: the disk refused; nothing half-written has the name ``folder``.
    """
    arrays = arrays_of(model)
    manifest = Manifest(
        format=FORMAT,
        encoder_id=encoder_id_of(arrays, STATEFUL),
        settings=model.settings.to_dict(),
        id_table_hash=id_table_hash,
        id_table_length=id_table_length,
        log_position=log_position,
        metrics=metrics or {},
        parent=parent,
        checksums={},
        learned=learned,
    )
    return write_snapshot(folder, arrays, manifest)
