"""Snapshots whose checksums are right and whose weights are not."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.errors import SnapshotRefused
from penchant.model.histories import histories_of
from penchant.model.saving import save_snapshot
from penchant.model.scoring import PreferenceModel
from penchant.model.serving import load_serving
from penchant.model.settings import ModelSettings
from penchant.model.snapshot import FORMAT, Manifest, read_snapshot, write_snapshot
from penchant.model.soundness import SHAPES
from penchant.model.training import train

ITEMS, WIDTH = 20, 8
Arrays = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def text() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(ITEMS, WIDTH)).astype(np.float32)


@pytest.fixture(params=["recurrent", "lstm", "cnn", "transformer"])
def whole(
    request: pytest.FixtureRequest, small: Any, text: NDArray[np.float32], tmp_path: Path
) -> tuple[Manifest, Arrays]:
    model = _trained(replace(small, encoder=request.param, max_epochs=1), text.tobytes())
    save_snapshot(model, tmp_path / "whole", id_table_hash="h", id_table_length=ITEMS, log_position=1)
    return read_snapshot(tmp_path / "whole")


@cache
def _trained(settings: ModelSettings, text: bytes) -> PreferenceModel:
    """Once for all tests; none of them changes it."""
    rng = np.random.default_rng(1)
    data = histories_of([rng.integers(0, ITEMS - 3, 6).tolist() for _ in range(30)])
    return train(data, np.frombuffer(text, np.float32).reshape(ITEMS, WIDTH), settings, n_items=ITEMS)


def refused(folder: Path, manifest: Manifest, arrays: Arrays, text: NDArray[np.float32]) -> str:
    """Why such a snapshot, with right checksums, does not load; empty where it does."""
    write_snapshot(folder / "changed", arrays, manifest)
    try:
        load_serving(folder / "changed", text)
    except SnapshotRefused as error:
        return str(error)
    return ""


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_is_refused_wherever_it_stands(
    whole: tuple[Manifest, Arrays], text: NDArray[np.float32], tmp_path: Path, bad: float
) -> None:
    manifest, arrays = whole
    assert refused(tmp_path, manifest, arrays, text) == ""
    floats = [name for name, array in arrays.items() if array.dtype.kind == "f" and array.size]
    assert len(floats) > 30
    for name in floats:
        broken = arrays[name].copy()
        broken.reshape(-1)[-1] = bad
        told = refused(tmp_path, manifest, {**arrays, name: broken}, text)
        assert f"{name} holds something that is no finite number" in told, name


def test_a_weight_that_serving_reads_and_that_has_another_shape_or_none_is_refused(
    whole: tuple[Manifest, Arrays], text: NDArray[np.float32], tmp_path: Path
) -> None:
    manifest, arrays = whole
    read = [name for name in arrays if name in SHAPES or name.startswith("encoder.")]
    assert len(read) > 30
    passed: list[str] = []
    for name in read:
        whole_, others = arrays[name], {key: array for key, array in arrays.items() if key != name}
        if not refused(tmp_path, manifest, others, text):
            passed.append(f"without {name}")
        for what, changed in {
            "longer": np.concatenate([whole_.reshape(-1), whole_.reshape(-1)[:1]]),
            "flat": whole_.reshape(-1) if whole_.ndim != 1 else whole_[None],
            "one": whole_.reshape(-1)[:1],
        }.items():
            same = changed.shape == whole_.shape or (whole_.ndim == 0 and changed.shape == (1,))
            if not same and not refused(tmp_path, manifest, {**arrays, name: changed}, text):
                passed.append(f"{what} {name} {whole_.shape} -> {changed.shape}")
    # Borders of prices may be any number of them; what is no table of attributes has no word.
    assert [told for told in passed if "price_borders" not in told] == []


def test_rows_of_another_item_table_are_refused(
    whole: tuple[Manifest, Arrays], text: NDArray[np.float32], tmp_path: Path
) -> None:
    manifest, arrays = whole
    sold = arrays["input.sold"]
    for rows, why in (
        (sold + ITEMS, "beyond"),
        (sold - 1, "beyond"),
        (sold[::-1], "in order"),
        (sold.astype(np.float32), "rows of an item table"),
    ):
        assert why in refused(tmp_path, manifest, {**arrays, "input.sold": rows}, text)


def test_versions_that_this_release_does_not_read_are_refused(
    whole: tuple[Manifest, Arrays], text: NDArray[np.float32], tmp_path: Path
) -> None:
    manifest, arrays = whole
    for version, why in ((FORMAT + 1, "upgrade Penchant"), (FORMAT - 1, "train again")):
        write_snapshot(tmp_path / "other", arrays, msgspec.structs.replace(manifest, format=version))
        with pytest.raises(SnapshotRefused, match=why):
            load_serving(tmp_path / "other", text)


def test_weights_that_fit_and_give_no_finite_score_fail_the_trial(
    whole: tuple[Manifest, Arrays], text: NDArray[np.float32], tmp_path: Path
) -> None:
    manifest, arrays = whole
    huge = np.full_like(arrays["output.bias"], 3e38)
    with np.errstate(over="ignore"):
        told = refused(
            tmp_path,
            manifest,
            {**arrays, "output.bias": huge, "novelty": np.full_like(arrays["novelty"], 3e38)},
            text,
        )
    assert "in a trial" in told
