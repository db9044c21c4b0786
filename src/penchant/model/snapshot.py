"""The snapshot format: a folder of weights and a manifest that says what they are. Numpy only."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from penchant.errors import SnapshotRefused
from penchant.model.folders import write_folder

FORMAT = 7
"""Version that this release writes; a higher one is refused."""

WEIGHTS, MANIFEST = "weights.safetensors", "manifest.json"

Arrays = Mapping[str, NDArray[Any]]


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """How a snapshot came to be: what was learned for it, and what the gate said.

    Attributes:
        since, to: it learned the events with ``since <= timestamp < to`` (unix seconds); ``since`` is None
            where it was trained from scratch.
        seen: newest position of the log at that time; what came up to there and was not learned was asked.
        events, checksum: of what was learned, see ``learn.nightly.checksum_of``.
        from_scratch: the snapshot that the chain began with; empty where it is this one.
        made: unix seconds. accepted, reasons: the gate's verdict.
    """

    since: float | None
    to: float
    seen: int
    events: int = 0
    checksum: str = ""
    from_scratch: str = ""
    made: float
    accepted: bool = True
    reasons: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot is.

    Attributes:
        format: version of the format. encoder_id: states of one encoder_id may be mixed, no others.
        settings: of the model. id_table_hash, id_table_length: of the shop's id table at training.
        log_position: newest event that was seen. metrics: at the gate. parent: snapshot it came from.
        checksums: sha256 of each other file. learned: None in snapshots of before there was a learner.
    """

    format: int
    encoder_id: str
    settings: dict[str, Any]
    id_table_hash: str
    id_table_length: int
    log_position: int
    metrics: dict[str, float]
    parent: str
    checksums: dict[str, str]
    learned: Learned | None = None


def write_snapshot(folder: Path, arrays: Arrays, manifest: Manifest) -> Manifest:
    """Write a snapshot as a whole; the manifest comes back with its checksums.

    Raises:
        StorageError: the disk refused; nothing half-written has the name ``folder``.
    """
    done = manifest

    def write(into: Path) -> None:
        nonlocal done
        save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, into / WEIGHTS)
        done = msgspec.structs.replace(manifest, checksums={WEIGHTS: _sha256(into / WEIGHTS)})
        (into / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(done), indent=2))

    write_folder(folder, write)
    return done


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the snapshot at ``folder``; weights are not looked at.

    Raises:
        SnapshotRefused: missing, not a manifest, or of a newer version.
    """
    try:
        raw = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise _refused(folder, f"its manifest cannot be read ({error})") from error
    version = raw.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise SnapshotRefused(
            f"snapshot {folder.name} has format {version}, readable is up to {FORMAT}: upgrade Penchant"
        )
    try:
        return msgspec.convert(raw, Manifest)
    except msgspec.ValidationError as error:
        raise _refused(folder, f"its manifest is not one of Penchant's ({error})") from error


def checked_manifest(folder: Path) -> Manifest:
    """The manifest of a snapshot that is whole.

    Raises:
        SnapshotRefused: as above, of an older version, or the weights are missing, damaged or not those
            of the manifest.
    """
    manifest = read_manifest(folder)
    if manifest.format < FORMAT:
        raise SnapshotRefused(
            f"snapshot {folder.name} has format {manifest.format}, readable is {FORMAT}: train again"
        )
    try:
        if _sha256(folder / WEIGHTS) != manifest.checksums.get(WEIGHTS):
            raise _refused(folder, f"the checksum of {WEIGHTS} is wrong")
    except OSError as error:
        raise _refused(folder, f"{WEIGHTS} cannot be read ({error})") from error
    return manifest


def read_snapshot(folder: Path) -> tuple[Manifest, dict[str, NDArray[Any]]]:
    """Manifest and weights.

    Raises:
        SnapshotRefused: it is not whole.
    """
    manifest = checked_manifest(folder)
    try:
        return manifest, load_file(folder / WEIGHTS)
    except (OSError, SafetensorError, ValueError) as error:
        raise _refused(folder, f"{WEIGHTS} cannot be read ({error})") from error


def encoder_id_of(arrays: Arrays, prefixes: tuple[str, ...]) -> str:
    """Hash of the weights whose names begin with one of ``prefixes``: those that make a state."""
    digest = hashlib.sha256()
    for name in sorted(name for name in arrays if name.startswith(prefixes)):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()[:16]


def _refused(folder: Path, why: str) -> SnapshotRefused:
    return SnapshotRefused(f"snapshot {folder.name} is refused: {why}; use another one or train again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
