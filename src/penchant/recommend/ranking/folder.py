"""A ranker on the disk: trees as text, and a manifest that says what they read and what they brought."""

import hashlib
from pathlib import Path

import msgspec

from penchant.errors import SnapshotRefused
from penchant.model.folders import write_folder

FORMAT = 1
TREES, MANIFEST = "trees.txt", "ranker.json"


class RankerManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a ranker is.

    Attributes:
        format: version of the format. sources, groups: what it was told of, in order. columns: their names.
        importance: share of the gains of each column. lists, people: that it learned from.
        taste, ranked, error: NDCG@10 on people left out, without and with it, and the relative gain's error.
        serves: it has trees; without it the order of taste alone was found as good. made: unix seconds, 0
            where it was not written down.
        checksum: sha256 of the trees.
    """

    format: int = FORMAT
    sources: tuple[str, ...]
    groups: tuple[str, ...]
    columns: tuple[str, ...]
    importance: dict[str, float]
    lists: int
    people: int
    taste: float
    ranked: float
    error: float
    serves: bool = True
    made: float = 0.0
    checksum: str = ""


def write_ranker(folder: Path, manifest: RankerManifest, trees: str) -> None:
    """Put both at ``folder`` as a whole.

    Raises:
        StorageError: the disk refused; what was there is still there.
    """
    content = trees.encode()
    done = msgspec.structs.replace(manifest, checksum=hashlib.sha256(content).hexdigest())

    def write(into: Path) -> None:
        (into / TREES).write_bytes(content)
        (into / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(done), indent=2))

    write_folder(folder, write)


def read_ranker(folder: Path) -> tuple[RankerManifest, str]:
    """Manifest and trees.

    Raises:
        SnapshotRefused: missing, damaged, cut off, or of another version.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=RankerManifest)
        content = (folder / TREES).read_bytes()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotRefused(
            f"the ranker is refused: it cannot be read ({error}); learn it again"
        ) from error
    if manifest.format != FORMAT:
        raise SnapshotRefused(
            f"the ranker has format {manifest.format}, readable is {FORMAT}: learn it again"
        )
    if hashlib.sha256(content).hexdigest() != manifest.checksum:
        raise SnapshotRefused(f"the ranker is refused: the checksum of {TREES} is wrong; learn it again")
    return manifest, content.decode()
