"""Signs that a snapshot is broken."""

import msgspec
import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.learn.vitals import VitalLimits, Vitals, vital_faults, vitals_of
from penchant.metrics import tie_order, top_lists

ITEMS, DIM, CONTEXTS = 400, 16, 120
FINE = Vitals(finite=True, norms=(1.0, 2.0, 3.0), scores=(-1.0, 0.0, 1.0), coverage=0.4)


class Model:
    """An item table, biases and contexts, in the state that a test puts them."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.vectors = rng.standard_normal((ITEMS, DIM)).astype(np.float32)
        self.biases = rng.standard_normal(ITEMS).astype(np.float32)
        self.contexts = rng.standard_normal((CONTEXTS, DIM)).astype(np.float32)

    def vitals(self) -> Vitals:
        scores = self.contexts @ self.vectors.T + self.biases
        lists = top_lists(np.nan_to_num(scores), 10, tie_order(ITEMS))
        return vitals_of(self.vectors, self.biases, scores, lists)


def faults_after(change: str) -> list[str]:
    """The faults of the same model after one line of Python was done to it."""
    model = Model()
    exec(change, {"model": model, "np": np})
    return vital_faults(Model().vitals(), model.vitals())


def test_what_is_measured() -> None:
    scores = np.float32([[0, 1, 2, -np.inf], [0, 1, 2, 3]])
    found = vitals_of(np.diag([1.0, 2.0, 3.0, 4.0]), np.zeros(4), scores, np.int32([[2, 1], [2, -1]]))
    assert found.finite
    assert found.norms == pytest.approx((2.5, 3.97, 4.0))
    assert found.scores[1] == 1.0  # of 0, 0, 1, 1, 2, 2, 3: what may not be shown is no score
    assert found.coverage == 0.5


def test_only_the_first_ten_places_are_covered() -> None:
    found = vitals_of(np.eye(20), np.zeros(20), np.zeros((1, 20)), np.arange(20, dtype=np.int32)[None])
    assert found.coverage == 0.5


def test_two_seeds_of_one_training_are_both_sound() -> None:
    for seed in range(1, 30):
        assert vital_faults(Model().vitals(), Model(seed).vitals()) == []


@pytest.mark.parametrize("value", ["np.nan", "np.inf", "-np.inf"])
@pytest.mark.parametrize("where", ["vectors[7, 3]", "biases[7]", "contexts[7, 3]"])
def test_one_number_that_is_none_is_enough(where: str, value: str) -> None:
    with np.errstate(invalid="ignore"):
        found = faults_after(f"model.{where} = {value}")
    assert found == ["its vectors, biases or scores hold NaN or infinity"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("model.vectors *= 10", "norm of its item vectors at 50%"),
        ("model.vectors /= 10", "norm of its item vectors at 50%"),
        ("model.vectors[:8] *= 10", "norm of its item vectors at 99%"),
        ("model.vectors[5] *= 10", "norm of its item vectors at 100%"),
        ("model.biases += 20", "its scores at 50% jump"),
        ("model.contexts *= 3", "its scores spread over"),
        ("model.contexts /= 10; model.biases /= 10", "its scores spread over"),
        ("model.biases[:10] += 99", "of the catalogue"),
        ("model.contexts[:] = model.contexts[0]", "of the catalogue"),
    ],
)
def test_what_breaks_is_found(change: str, words: str) -> None:
    assert any(words in fault for fault in faults_after(change))


def test_one_overgrown_item_may_come_back() -> None:
    grown = Model()
    grown.vectors[5] *= 10
    assert vital_faults(grown.vitals(), Model().vitals()) == []


def test_a_little_of_anything_is_no_fault() -> None:
    assert faults_after("model.vectors *= 1.3; model.biases += 1; model.biases[:10] += 1") == []


def test_the_limits_are_where_they_are_said_to_be() -> None:
    limits = VitalLimits(norm_ratio=3.0, score_jump=0.25, score_ratio=1.5, coverage_share=0.75)
    for inside, outside in (
        ({"norms": (3.0, 6.0, 9.0)}, {"norms": (3.1, 6.0, 9.0)}),
        ({"norms": (0.34, 2.0, 3.0)}, {"norms": (0.33, 2.0, 3.0)}),
        ({"norms": (1.0, 0.1, 0.1)}, {"norms": (1.0, 2.0, 9.1)}),
        ({"scores": (-0.5, 0.5, 1.5)}, {"scores": (-0.4, 0.6, 1.6)}),
        ({"scores": (-1.5, 0.0, 1.5)}, {"scores": (-1.5, 0.0, 1.51)}),
        ({"coverage": 0.31}, {"coverage": 0.29}),
    ):
        assert vital_faults(FINE, msgspec.structs.replace(FINE, **inside), limits) == []
        assert vital_faults(FINE, msgspec.structs.replace(FINE, **outside), limits) != []


def test_beside_a_broken_champion_nothing_can_be_said() -> None:
    broken = msgspec.structs.replace(FINE, finite=False)
    assert "roll back first" in vital_faults(broken, FINE)[0]


def test_a_champion_of_zeros_is_no_measure() -> None:
    zero = Vitals(finite=True, norms=(0.0, 0.0, 0.0), scores=(0.0, 0.0, 0.0), coverage=0.0)
    assert vital_faults(zero, FINE) == []


def test_vitals_of_what_is_broken_are_json_too() -> None:
    model = Model()
    model.vectors[:] = np.nan
    found = model.vitals()
    assert found.norms == (0.0, 0.0, 0.0)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Vitals) == found


@pytest.mark.parametrize(
    ("vectors", "biases", "scores"), [((0, 4), (0,), (1, 0)), ((3, 4), (2,), (1, 3)), ((3, 4), (3,), (1, 2))]
)
def test_shapes_that_do_not_fit_are_an_error(vectors: tuple, biases: tuple, scores: tuple) -> None:
    with pytest.raises(InvalidInput, match="vitals need"):
        vitals_of(np.ones(vectors), np.ones(biases), np.ones(scores), np.zeros((1, 1), dtype=np.int32))
