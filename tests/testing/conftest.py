"""Makes ``evaluation_worlds`` importable beside these tests; what every run of the simulation needs."""

import logging
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tests.testing.real_house import fast_folder


@pytest.fixture
def place():
    """A folder for each run, in memory where there is some; each is removed at once.

    The server warns of what the simulation does to it, thousands of times: meanwhile it is not heard.
    """
    logging.disable(logging.CRITICAL)
    made = []

    def new():
        while made:
            shutil.rmtree(made.pop())
        made.append(Path(tempfile.mkdtemp(prefix="penchant-", dir=fast_folder())))
        return made[-1]

    yield new
    while made:
        shutil.rmtree(made.pop())
    logging.disable(logging.NOTSET)
