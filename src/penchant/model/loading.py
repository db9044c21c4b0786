"""From a snapshot back to the training form, for as many items as there are now."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.errors import InvalidInput, SettingsError, SnapshotRefused
from penchant.model.attributes import Vocabulary
from penchant.model.entries import check_items
from penchant.model.histories import FloatArray, IntArray
from penchant.model.net import PreferenceNet
from penchant.model.prices import fitting_prices, price_levels
from penchant.model.reading import fitting
from penchant.model.scoring import PreferenceModel
from penchant.model.settings import ModelSettings
from penchant.model.snapshot import Arrays, read_snapshot
from penchant.model.whitening import Whitening


def load_model(
    folder: Path, n_items: int, text: FloatArray | None, prices: FloatArray | None = None
) -> PreferenceModel:
    """The model of the snapshot at ``folder``, to learn on.

    Args:
        folder: made by ``saving.save_snapshot``.
        n_items: N, rows of the id table now; rows after those of training are new items.
        text: (N, T) text vectors; None where nothing has any.
        prices: (N,) NaN where it is not known; None where none is.

    Raises:
        SnapshotRefused: broken, foreign, newer, or made for a longer id table.
        InvalidInput: text vectors of another encoder; prices of more or fewer items.
    """
    manifest, arrays = read_snapshot(folder)
    if n_items < manifest.id_table_length:
        raise SnapshotRefused(
            f"the snapshot knows {manifest.id_table_length} items, the catalogue only {n_items}: "
            "it belongs to another shop"
        )
    try:
        settings = ModelSettings.from_dict(manifest.settings)
        return model_of(arrays, settings, n_items, text, prices)
    except (KeyError, SettingsError, RuntimeError) as error:
        raise SnapshotRefused(f"snapshot {folder.name} is refused: {error}") from error


def model_of(
    arrays: Arrays,
    settings: ModelSettings,
    n_items: int,
    text: FloatArray | None,
    prices: FloatArray | None = None,
    *,
    seated: IntArray | None = None,
) -> PreferenceModel:
    """The inverse of ``saving.arrays_of``, for ``n_items`` (N) items. See :func:`load_model`.

    Of the items that nobody took those in the rows ``seated`` are placed by their neighbours, None for all.
    """
    check_items(n_items)
    whitening = Whitening(arrays["whitening.mean"], arrays["whitening.matrix"])
    texts = np.zeros((n_items, len(whitening.mean)), np.float32) if text is None else text
    if len(texts) != n_items:
        raise InvalidInput(f"text vectors have shape {texts.shape}, expected one row for each of {n_items}")
    borders, vocabulary = arrays["input.price_borders"], Vocabulary.unpacked(arrays["asked.vocabulary"])
    given = fitting_prices(prices, n_items)
    levels = price_levels(given, borders) if arrays["input.price"].any() else None
    counts = np.zeros(n_items, np.float32)
    counts[arrays["input.sold"]] = arrays["output.counts"]
    white = whitening(fitting(texts, whitening))
    net = PreferenceNet(white, counts, settings, levels, len(vocabulary.words))
    _fill(net, arrays)
    net.items.seat(counts, seated)
    net.eval()
    return PreferenceModel(net, settings, whitening, counts, borders, vocabulary, {}, _apart(arrays))


def _apart(arrays: Arrays) -> NDArray[np.uint32]:
    """Of a snapshot from before anything was kept apart: nothing."""
    return np.array(arrays.get("asked.apart", np.zeros(0)), np.uint32)


def _fill(net: PreferenceNet, arrays: Arrays) -> None:
    """Put the weights of a snapshot in; items that it does not know are yet to be seated."""
    given = {name: _tensor(arrays, name) for name in net.state_dict() if name in arrays}
    bias = torch.zeros_like(net.auxiliary.bias)
    bias[: len(given["auxiliary.bias"])] = given["auxiliary.bias"]
    given["auxiliary.bias"] = bias
    given |= _items(net, arrays)
    net.load_state_dict(given, strict=True)


def _items(net: PreferenceNet, arrays: Arrays) -> dict[str, torch.Tensor]:
    table, sold = net.items, _tensor(arrays, "input.sold")
    ids = torch.zeros_like(table.ids)
    ids[sold] = _tensor(arrays, "input.ids")
    bias = torch.full_like(table.bias, float(arrays["output.newcomer"][0]))
    bias[sold] = _tensor(arrays, "output.bias")
    found = {
        "items.ids": ids,
        "items.bias": bias,
        "items.balance": torch.ones_like(table.balance),
        "items.project.weight": _tensor(arrays, "input.project"),
        "items.price": _tensor(arrays, "input.price"),
    }
    if "output.rows" in arrays:
        delta = torch.zeros_like(table.free_output())
        delta[_tensor(arrays, "output.rows")] = _tensor(arrays, "output.delta")
        found["items.delta"] = delta
    return found


def _tensor(arrays: Arrays, name: str) -> torch.Tensor:
    """Of its own memory: what is read of a file may not be written to."""
    return torch.from_numpy(np.array(arrays[name]))
