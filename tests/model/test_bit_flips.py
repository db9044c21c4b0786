"""One bit of a snapshot on the disk is another: it is refused, and never taken for what was written."""

import random
import shutil
from collections import Counter

import msgspec
import numpy as np
import pytest
from tests.testing.real_house import template

from penchant.errors import ShopError, SnapshotRefused
from penchant.learn.progress import Progress, read_progress, write_progress
from penchant.learn.shelf import SnapshotShelf
from penchant.model.delta import DELTA, Delta, DeltaHead, read_delta, write_delta
from penchant.model.snapshot import MANIFEST, WEIGHTS, read_manifest, read_snapshot

FLIPS = 400
"""In each of the three files; beside a thousand in the log."""


@pytest.fixture
def snapshot(tmp_path):
    (found,) = (path for path in (template() / "snapshots").iterdir() if path.is_dir())
    folder = shutil.copytree(found, tmp_path / found.name)
    head = DeltaHead(
        weights=read_manifest(folder).checksums[WEIGHTS], number=3, position=70, learned=9, made=1.5e9
    )
    draw = np.random.default_rng(0)
    moves, lifts = draw.normal(size=(4, 8)).astype(np.float32), draw.normal(size=4).astype(np.float32)
    write_delta(folder, Delta(head, np.arange(4), moves, lifts))
    return folder


def content(folder):
    """All that a server reads of a snapshot."""
    manifest, arrays = read_snapshot(folder)
    delta = read_delta(folder, manifest)
    numbers = {name: array.tobytes() for name, array in arrays.items()}
    # A seal whose own name is damaged seals nothing; all the rest is as it was then.
    heads = [msgspec.structs.replace(one, seal="") for one in (manifest, delta.head)]
    return heads, numbers, delta.rows.tolist(), delta.moves.tobytes(), delta.lifts.tobytes()


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS, DELTA])
def test_no_flipped_bit_of_a_snapshot_is_read_silently(snapshot, name):
    written, path = content(snapshot), snapshot / name
    whole, draw, found = path.read_bytes(), random.Random(0), Counter()
    for _ in range(FLIPS):
        place, bit = draw.randrange(len(whole)), draw.randrange(8)
        broken = bytearray(whole)
        broken[place] ^= 1 << bit
        path.write_bytes(broken)
        try:
            same = content(snapshot) == written
        except SnapshotRefused:
            found["refused"] += 1
        else:
            assert same, f"bit {bit} of byte {place} is read"
            found["harmless"] += 1
    assert found["refused"] > FLIPS / 2


@pytest.mark.parametrize("byte", [0, 7, 255])
def test_a_damaged_list_of_promotions_is_one_clear_error(snapshot, byte):
    path = snapshot.parent / "promotions.jsonl"
    shelf = SnapshotShelf(snapshot.parent)
    path.write_bytes(b'{"name":"a","time":1.0,"why":"trained"}\n')
    assert [one.name for one in shelf.history()] == ["a"]
    path.write_bytes(path.read_bytes().replace(b"n", bytes([byte]), 1))
    with pytest.raises(ShopError, match="damaged"):
        shelf.history()


def test_a_report_that_is_damaged_counts_as_none(tmp_path):
    path = tmp_path / "progress.json"
    write_progress(path, Progress(position=7, snapshot="name"))
    path.write_bytes(path.read_bytes().replace(b"name", b"nam\xff"))
    assert read_progress(path) == Progress()
