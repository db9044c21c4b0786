"""The first half of the seeds; a file of its own, for a file of tests stays with one process of pytest."""

import pytest
from seeds import FIRST, needs_sqlite, nothing_is_lost

pytestmark = [pytest.mark.slow, needs_sqlite]


@pytest.mark.parametrize("first", FIRST)
def test_whatever_goes_wrong_what_was_acknowledged_is_there_once(place, first):
    nothing_is_lost(place, first)
