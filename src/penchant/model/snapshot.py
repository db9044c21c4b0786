"""The snapshot format: a folder of weights and a manifest that says what they are. Numpy only."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from penchant.errors import SnapshotRefused
from penchant.model.folders import write_folder

FORMAT = 8
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
        teacher: the snapshot that it was distilled from; unset where it was not, so that the seals of older
            snapshots hold.
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
    teacher: str | msgspec.UnsetType = msgspec.UNSET


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot is.

    Attributes:
        format: version of the format. encoder_id: states of one encoder_id may be mixed, no others.
        settings: of the model. id_table_hash, id_table_length: of the shop's id table at training.
        log_position: newest event that was seen. metrics: at the gate. parent: snapshot it came from.
        checksums: sha256 of each other file. learned: None in snapshots of before there was a learner.
        seal: see :func:`seal_of`; empty in older snapshots.
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
    seal: str = ""


def seal_of(struct: msgspec.Struct, *more: bytes) -> str:
    """SHA-256 of what a struct with a field ``seal`` says, but for that, and of ``more``.

    >>> manifest = Manifest(format=1, encoder_id="e", settings={}, id_table_hash="", id_table_length=0,
    ...     log_position=7, metrics={}, parent="", checksums={})
    >>> seal_of(manifest) == seal_of(msgspec.structs.replace(manifest, seal="of before"))
    True
    """
    digest = hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(struct, seal="")))
    for part in more:
        digest.update(part)
    return digest.hexdigest()


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
        done = msgspec.structs.replace(done, seal=seal_of(done))
        (into / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(done), indent=2))

    write_folder(folder, write)
    return done


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the snapshot at ``folder``; weights are not looked at.

    Raises:
        SnapshotRefused: missing, damaged, not a manifest, or of a newer version.
    """
    try:
        raw = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _refused(folder, f"its manifest cannot be read ({error})") from error
    version = raw.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise SnapshotRefused(
            f"snapshot {folder.name} has format {version}, readable is up to {FORMAT}: upgrade Penchant"
        )
    try:
        manifest = msgspec.convert(raw, Manifest)
    except msgspec.ValidationError as error:
        raise _refused(folder, f"its manifest is not one of Penchant's ({error})") from error
    if manifest.seal and manifest.seal != seal_of(manifest):
        raise _refused(folder, "its manifest is damaged, for its checksum is wrong")
    return manifest


def checked_manifest(folder: Path) -> Manifest:
    """The manifest of a snapshot that is whole.

    Raises:
        SnapshotRefused: as above, of an older version, or the weights are missing, damaged or not those
            of the manifest.
    """
    manifest = _readable(folder)
    try:
        found = _sha256(folder / WEIGHTS)
    except OSError as error:
        raise _unreadable(folder, error) from error
    _check_sum(folder, manifest, found)
    return manifest


def read_snapshot(folder: Path) -> tuple[Manifest, dict[str, NDArray[Any]]]:
    """Manifest and weights.

    Raises:
        SnapshotRefused: it is not whole.
    """
    manifest = _readable(folder)
    try:
        # What is checked is what is read: the file may be another one a moment later, and one that is cut
        # off while it is mapped into memory would end the process.
        content = (folder / WEIGHTS).read_bytes()
        _check_sum(folder, manifest, hashlib.sha256(content).hexdigest())
        return manifest, load(content)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise _unreadable(folder, error) from error


def _readable(folder: Path) -> Manifest:
    """A manifest of this version."""
    manifest = read_manifest(folder)
    if manifest.format < FORMAT:
        raise SnapshotRefused(
            f"snapshot {folder.name} has format {manifest.format}, readable is {FORMAT}: train again"
        )
    return manifest


def _check_sum(folder: Path, manifest: Manifest, found: str) -> None:
    if found != manifest.checksums.get(WEIGHTS):
        raise _refused(folder, f"the checksum of {WEIGHTS} is wrong")


def encoder_id_of(arrays: Arrays, prefixes: tuple[str, ...]) -> str:
    """Hash of the weights whose names begin with one of ``prefixes``: those that make a state."""
    digest = hashlib.sha256()
    for name in sorted(name for name in arrays if name.startswith(prefixes)):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()[:16]


def _unreadable(folder: Path, error: Exception) -> SnapshotRefused:
    return _refused(folder, f"{WEIGHTS} cannot be read ({error})")


def _refused(folder: Path, why: str) -> SnapshotRefused:
    return SnapshotRefused(f"snapshot {folder.name} is refused: {why}; use another one or train again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
