"""A folder is there as a whole or not at all, wherever the process that writes it is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penchant.errors import NotFound, StorageError
from penchant.learn.shelf import SnapshotShelf
from penchant.model.folders import restore_folder, tidy, write_folder

WRITER = """
import os, sys
from pathlib import Path
from penchant.model.folders import write_folder

folder, kill = Path(sys.argv[1]), int(sys.argv[2])
renamed, replace = 0, Path.replace

def dying(self, target):
    global renamed
    if renamed == kill:
        os._exit(9)
    renamed += 1
    return replace(self, target)

Path.replace = dying
write_folder(folder, lambda into: (into / "text").write_text("second"))
os._exit(0 if renamed == kill else 1)
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}


def put(folder: Path, text: str) -> None:
    write_folder(folder, lambda into: (into / "text").write_text(text) and None)


@pytest.mark.parametrize(("kill", "code", "found"), [(0, 9, "first"), (1, 9, "first"), (2, 0, "second")])
def test_killed_at_any_rename_the_last_good_one_is_there(
    tmp_path: Path, kill: int, code: int, found: str
) -> None:
    folder = tmp_path / "it"
    put(folder, "first")
    killed = subprocess.run(
        [sys.executable, "-c", WRITER, str(folder), str(kill)], env=ENVIRONMENT, check=False, timeout=300
    )
    assert killed.returncode == code
    assert folder.exists() == (kill != 1)
    restore_folder(folder)
    assert (folder / "text").read_text() == found
    put(folder, "third")
    assert (folder / "text").read_text() == "third"
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_writing_anew_after_a_kill_between_the_renames_loses_nothing_on_a_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "it"
    put(folder, "first")
    folder.rename(tmp_path / ".it.old")

    def full(into: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left"):
        write_folder(folder, full)
    assert (folder / "text").read_text() == "first"


def test_what_an_interrupted_write_left_is_no_snapshot_and_is_tidied(tmp_path: Path) -> None:
    for name in ("20260101-000000-0", ".20260102-000000-0.new", ".20260103-000000-0.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    shelf = SnapshotShelf(tmp_path)
    assert shelf.names() == ["20260101-000000-0"]
    with pytest.raises(NotFound):
        shelf.path(".20260102-000000-0.new")
    tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20260101-000000-0", "20260103-000000-0"]
