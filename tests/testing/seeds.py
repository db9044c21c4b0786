"""The seeds of the simulation that every test run goes through; ``bench/simulation.py`` takes any others."""

import pytest
from tests.testing.real_house import seeded_house, template

from penchant.testing.simulation.sqlite_files import library
from penchant.testing.simulation.world import simulate

SEEDS, PART = 2_000, 100
FIRST, SECOND = range(0, SEEDS // 2, PART), range(SEEDS // 2, SEEDS, PART)
"""Two files of tests, which two processes of pytest take side by side."""

needs_sqlite = pytest.mark.skipif(library() is None, reason="the SQLite of this Python cannot be reached")


def nothing_is_lost(place, first):
    """``PART`` seeds from ``first`` on: what was acknowledged is there, once; and something did go wrong."""
    seeds = range(first, first + PART)
    runs = [simulate(seed, template(), place(), seeded_house(seed)) for seed in seeds]
    assert sum(run.events for run in runs) > 10 * len(seeds), "next to nothing happened"
    assert sum(run.lives for run in runs) > 4 * len(seeds), "next to nothing went wrong"
