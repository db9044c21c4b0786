"""From the training form to a snapshot folder."""

from pathlib import Path

import numpy as np

from penchant.model.scoring import PreferenceModel
from penchant.model.snapshot import FORMAT, Arrays, Manifest, encoder_id_of, write_snapshot

STATEFUL = ("encoder.", "tokens.", "input.", "whitening.", "start", "memory")
"""Weights that make a state. ``input.`` is the item table as tokens read it."""


def arrays_of(model: PreferenceModel) -> Arrays:
    """All weights of the serving form, by name."""
    arrays = {name: value.numpy() for name, value in model.net.state_dict().items()}
    for name in ("ids", "project.weight", "bias", "balance", "price"):
        del arrays[f"items.{name}"]
    ids, project = model.net.items.folded()
    bias = model.item_scores().bias
    sold = np.flatnonzero(model.counts > 0)
    newcomer = bias[model.counts == 0]
    return {
        **arrays,
        "input.sold": sold,
        "input.ids": ids[sold],
        "input.project": project,
        "input.price": model.net.items.price_vectors(),
        "input.price_borders": model.borders,
        "asked.vocabulary": model.vocabulary.packed(),
        "output.bias": bias[sold],
        "output.newcomer": newcomer[:1] if len(newcomer) else bias[sold][np.argsort(model.counts[sold])][:1],
        "whitening.mean": model.whitening.mean,
        "whitening.matrix": model.whitening.matrix,
        "memory": np.array([model.settings.memory]),
    }


def save_snapshot(
    model: PreferenceModel,
    folder: Path,
    *,
    id_table_hash: str,
    id_table_length: int,
    log_position: int,
    metrics: dict[str, float] | None = None,
    parent: str = "",
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
    )
    return write_snapshot(folder, arrays, manifest)
