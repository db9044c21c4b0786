"""What was learned since a snapshot: rows that scores add, as a small file in its folder. Numpy only.

Each file is whole, so only the newest counts; it is replaced by renaming. It says which weights it belongs
to, and is refused beside any others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from penchant.errors import SnapshotRefused, StorageError
from penchant.model.folders import write_file
from penchant.model.histories import FloatArray, IntArray
from penchant.model.items_step import ItemRows
from penchant.model.snapshot import WEIGHTS, Manifest, seal_of

DELTA = "delta.safetensors"
HEAD = "penchant"
"""Name of the head among the file's metadata."""
FORMAT = 1


class DeltaHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a delta is.

    Attributes:
        format: version. weights: checksum of the snapshot's weights. number: of the delta, from 1 for each
            snapshot. position: newest place of the log that it has learned. learned: from so many first
            times. made: unix seconds. seal: of the head and the numbers; empty in older ones.
    """

    format: int = FORMAT
    weights: str
    number: int
    position: int
    learned: int
    made: float
    seal: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """Rows that scores add to a snapshot's.

    Attributes:
        rows: (n,) of the id table, ascending. moves: (n, D) added to their vectors. lifts: (n,) to their
            biases.
    """

    head: DeltaHead
    rows: IntArray
    moves: FloatArray
    lifts: FloatArray

    def beside(self, items: ItemRows) -> ItemRows:
        """The item table with it; tokens read what they read before.

        Raises:
            SnapshotRefused: it is of another table.
        """
        n, dim = items.vectors.shape
        fits = self.moves.shape == (len(self.rows), dim) and self.lifts.shape == self.rows.shape
        ascending = not len(self.rows) or bool(self.rows[0] >= 0 and (np.diff(self.rows) > 0).all())
        if not fits or not ascending:
            raise SnapshotRefused("a delta is refused: its rows are not those of the snapshot")
        # A row that the catalogue has and this process does not know yet comes with the next delta.
        known = self.rows < n
        scored, bias = items.scored.copy(), items.bias.copy()
        scored[self.rows[known]] += self.moves[known]
        bias[self.rows[known]] += self.lifts[known]
        return replace(items, scored=scored, bias=bias)


def write_delta(folder: Path, delta: Delta) -> None:
    """Put it beside the snapshot at ``folder``, durable; the one before it is replaced.

    Raises:
        StorageError: the disk refused, or the snapshot is gone.
    """
    tensors: dict[str, NDArray[np.generic]] = {
        "rows": delta.rows.astype(np.int64),
        "moves": np.ascontiguousarray(delta.moves, np.float32),
        "lifts": np.ascontiguousarray(delta.lifts, np.float32),
    }
    head = msgspec.structs.replace(delta.head, seal=seal_of(delta.head, *_bytes(tensors)))
    try:
        write_file(folder / DELTA, save(tensors, {HEAD: msgspec.json.encode(head).decode()}))
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write what was learned: {error}; free some space") from error


def read_delta(folder: Path, manifest: Manifest) -> Delta | None:
    """What was learned since the snapshot at ``folder``; None where nothing was.

    Raises:
        SnapshotRefused: it is broken, of other weights, or of a newer version.
    """
    path = folder / DELTA
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="np") as file:
            head = msgspec.json.decode((file.metadata() or {}).get(HEAD, ""), type=DeltaHead)
            rows, moves, lifts = (file.get_tensor(name) for name in ("rows", "moves", "lifts"))
    except (OSError, SafetensorError, msgspec.DecodeError, ValueError) as error:
        raise _refused(folder, f"it cannot be read ({error})") from error
    numbers = {"rows": rows, "moves": moves, "lifts": lifts}
    if head.seal and head.seal != seal_of(head, *_bytes(numbers)):
        raise _refused(folder, "it is damaged, for its checksum is wrong")
    if head.format > FORMAT:
        raise _refused(folder, f"it has format {head.format}, readable is {FORMAT}: upgrade Penchant")
    if head.weights != manifest.checksums.get(WEIGHTS):
        raise _refused(folder, "it was learned beside other weights")
    finite = rows.dtype == np.int64 and rows.ndim == 1 and moves.dtype == lifts.dtype == np.float32
    if not finite or not np.isfinite(moves).all() or not np.isfinite(lifts).all():
        raise _refused(folder, "it holds something that is no finite number")
    return Delta(head, rows, moves, lifts)


def _bytes(arrays: Mapping[str, NDArray[np.generic]]) -> list[bytes]:
    """All that a delta's arrays say, in the order of their names."""
    return [
        f"{name} {arrays[name].dtype} {arrays[name].shape} ".encode() + arrays[name].tobytes()
        for name in sorted(arrays)
    ]


def _refused(folder: Path, why: str) -> SnapshotRefused:
    return SnapshotRefused(f"what was learned since snapshot {folder.name} is refused: {why}")
