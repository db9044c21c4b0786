import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from event_doubles import Shop


@pytest.fixture
def shop():
    return Shop()
