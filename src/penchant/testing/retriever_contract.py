"""What every form of the item table must do. A new one inherits the class and supplies a fixture."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.recommend.retrieval.port import Floats, Make, Mask, Retriever, Rows

SHAPES = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 1500), st.integers(1, 9))
"""Seed, rows, dimensions."""

_FEW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


def drawn(rng: np.random.Generator, rows: int, dim: int) -> tuple[Floats, Floats]:
    """Vectors (rows, dim) and levels (rows,), some of them long, some the same."""
    vectors = rng.standard_normal((rows, dim)).astype(np.float32)
    vectors *= rng.choice(np.array([0.0, 0.01, 1.0, 30.0], np.float32), (rows, 1), p=[0.05, 0.1, 0.8, 0.05])
    return vectors, rng.standard_normal(rows).astype(np.float32)


def best_of_all(vectors: Floats, h: Floats, levels: Floats, allowed: Mask, k: int) -> Rows:
    """By brute force, best first."""
    scores = vectors.astype(np.float64) @ h + levels
    rows = np.flatnonzero(allowed)
    return rows[np.argsort(-scores[rows], kind="stable")][:k]


class RetrieverContract:
    """Tests of :class:`~penchant.recommend.retrieval.port.Retriever`.

    A subclass gives the fixture ``make``.
    """

    exact = True
    """Whether what it finds is proven."""

    def finds(self, form: Retriever, vectors: Floats, levels: Floats, rng: np.random.Generator) -> None:
        """What it finds for somebody, with a tenth of the rows taken off the sale, is right."""
        n, dim = vectors.shape
        h = rng.standard_normal(dim).astype(np.float32)
        allowed = rng.random(n) < 0.9
        k = min(int(rng.integers(1, 60)), max(1, int(allowed.sum())))
        found = form.best(h, levels, allowed, k)
        assert len(np.unique(found.rows)) == len(found.rows)
        assert allowed[found.rows].all()
        best = best_of_all(vectors, h, levels, allowed, k)
        if not self.exact:
            assert np.isnan(found.reach)
            return
        assert len(found.rows) == len(best)
        scores = vectors.astype(np.float64) @ h + levels
        others = allowed.copy()
        others[found.rows] = False
        assert scores[others].max(initial=-np.inf) <= found.reach
        proven = best[scores[best] > found.reach]
        assert set(proven.tolist()) <= set(found.rows.tolist())

    @_FEW
    @given(SHAPES)
    def test_what_it_finds_is_right_or_within_reach(self, make: Make, shape: tuple[int, int, int]) -> None:
        rng = np.random.default_rng(shape[0])
        vectors, levels = drawn(rng, *shape[1:])
        form = make(vectors, levels)
        assert len(form) == len(vectors)
        for _ in range(3):
            self.finds(form, vectors, levels, rng)

    @_FEW
    @given(SHAPES, st.integers(0, 700))
    def test_rows_move_and_new_ones_come(self, make: Make, shape: tuple[int, int, int], more: int) -> None:
        rng = np.random.default_rng(shape[0])
        vectors, levels = drawn(rng, *shape[1:])
        form = make(vectors.copy(), levels.copy())
        changed = np.flatnonzero(rng.random(len(vectors)) < 0.2)
        new, later = drawn(rng, len(vectors) + more, shape[2])
        rows = np.append(changed, np.arange(len(vectors), len(vectors) + more))
        vectors, levels = (
            np.append(vectors, new[len(vectors) :], axis=0),
            np.append(levels, later[len(levels) :]),
        )
        vectors[changed], levels[changed] = 3 * new[changed], later[changed]
        form.move(rows, vectors[rows], levels[rows])
        assert len(form) == len(vectors)
        self.finds(form, vectors, levels, rng)

    @_FEW
    @given(SHAPES)
    def test_the_levels_of_the_day_count(self, make: Make, shape: tuple[int, int, int]) -> None:
        rng = np.random.default_rng(shape[0])
        vectors, levels = drawn(rng, *shape[1:])
        form = make(vectors, levels)
        for _ in range(2):
            other = levels + rng.standard_normal(len(levels)).astype(np.float32)
            self.finds(form, vectors, other, rng)

    def test_the_best_of_a_thousand_plain_rows_are_found(self, make: Make) -> None:
        rng = np.random.default_rng(0)
        vectors, levels = rng.standard_normal((1000, 16)).astype(np.float32), np.zeros(1000, np.float32)
        form, allowed, met = make(vectors, levels), np.ones(1000, bool), 0
        for _ in range(50):
            h = rng.standard_normal(16).astype(np.float32)
            best = best_of_all(vectors, h, levels, allowed, 10)
            met += len(np.intersect1d(form.best(h, levels, allowed, 40).rows, best))
        assert met >= (500 if self.exact else 490)

    def test_where_few_are_allowed_these_are_found(self, make: Make) -> None:
        rng = np.random.default_rng(1)
        vectors, levels = rng.standard_normal((1000, 8)).astype(np.float32), np.zeros(1000, np.float32)
        form, allowed = make(vectors, levels), np.zeros(1000, bool)
        found = form.best(vectors[0], levels, allowed, 5)
        assert len(found.rows) == 0
        allowed[[3, 999]] = True
        found = form.best(vectors[0], levels, allowed, 5)
        assert set(found.rows.tolist()) <= {3, 999}
        if self.exact:
            assert (sorted(found.rows.tolist()), found.reach) == ([3, 999], -np.inf)

    def test_fewer_rows_than_it_knows_may_be_asked_for(self, make: Make) -> None:
        vectors, levels = drawn(np.random.default_rng(2), 600, 4)
        found = make(vectors, levels).best(vectors[599], levels[:300], np.ones(300, bool), 20)
        assert found.rows.max() < 300

    def test_it_takes_fewer_bytes_than_floats_and_says_so(self, make: Make) -> None:
        vectors, levels = drawn(np.random.default_rng(3), 5000, 64)
        assert 0 < make(vectors, levels).nbytes < vectors.nbytes

    def test_it_says_when_it_is_worn(self, make: Make) -> None:
        vectors, levels = drawn(np.random.default_rng(5), 1000, 8)
        form, rows = make(vectors, levels), np.arange(1000)
        assert not form.worn
        for times in (1, 100):
            form.move(rows, times * vectors, levels)
        assert form.worn

    @pytest.mark.parametrize("wrong", [np.nan, np.inf])
    def test_nothing_is_promised_to_who_has_no_finite_taste(self, make: Make, wrong: float) -> None:
        vectors, levels = drawn(np.random.default_rng(4), 300, 4)
        h = np.array([1.0, wrong, 0.0, 0.0], np.float32)
        found = make(vectors, levels).best(h, levels, np.ones(300, bool), 5)
        assert not found.reach < np.inf
