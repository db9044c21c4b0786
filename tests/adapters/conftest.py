"""What tests of a failing disk share as fixtures; the rest is in :mod:`failing_disk`."""

from pathlib import Path

import pytest


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Where the disk is."""
    (folder := tmp_path / "shop").mkdir()
    return folder
