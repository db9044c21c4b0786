"""The promotion gate, on simulated answers whose true quality is known.

A quarter of the questions find an answer in the list, at places 1 to 10. People differ, ask three questions
on average, and like one model more than another; values of two models correlate by .8.
"""

from collections.abc import Callable
from statistics import NormalDist

import msgspec
import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.learn.gate import Evidence, GateSettings, Part, Verdict, allowed_loss, cheap_gate, judge
from penchant.learn.vitals import Vitals

FINE = Vitals(finite=True, norms=(1.0, 2.0, 3.0), scores=(-1.0, 0.0, 1.0), coverage=0.4)
PARTS: tuple[Part, ...] = ("newest", "memory", "anchor")
EDGES = np.array([NormalDist().inv_cdf(1 - 0.025 * place) for place in range(10, 0, -1)])
NDCG = np.r_[0.0, 1 / np.log2(np.arange(10, 0, -1) + 1)]
TASTE, QUESTION, OWN, OWN_TASTE = 0.25, 0.65, 0.07, 0.03
"""Parts of the variance: person, question, model on a question, model on a person."""


class Window:
    """Questions of ``count`` people; each model answers them in its own way."""

    def __init__(self, seed: object, count: int = 10_000) -> None:
        self.rng = np.random.default_rng(seed)
        self.people = np.repeat(np.arange(count), self.rng.geometric(1 / 3, count))
        self.shared = self.effect(TASTE, QUESTION)

    def effect(self, person: float, question: float) -> np.ndarray:
        each = np.sqrt(person) * self.rng.standard_normal(self.people[-1] + 1)
        return each[self.people] + np.sqrt(question) * self.rng.standard_normal(len(self.people))

    def answers(self, worse: float = 0.0) -> np.ndarray:
        """NDCG@10 of a model of quality ``1 - worse``: that share of hits is lost, or won if below 0."""
        place = np.searchsorted(EDGES, self.shared + self.effect(OWN_TASTE, OWN))
        found = NDCG[place] * (self.rng.random(len(place)) >= worse)
        won = (place == 0) & (self.rng.random(len(place)) < -worse / 3)  # three misses for each hit
        return np.where(won, NDCG[NDCG > 0].mean(), found)

    def evidence(self, name: Part, worse: float = 0.0) -> Evidence:
        return Evidence(name, self.answers(), self.answers(worse), self.people)


def verdict(seed: int, worse: dict[str, float], people: int = 10_000) -> Verdict:
    """Of a challenger that is worse by a share on each part named."""
    parts = [
        Window([seed, place], people).evidence(name, worse[name])
        for place, name in enumerate(PARTS)
        if name in worse
    ]
    return judge(parts, FINE, FINE)


def everywhere(worse: float) -> dict[str, float]:
    return dict.fromkeys(PARTS, worse)


def test_the_simulation_is_what_it_says() -> None:
    window = Window(0)
    first, second, worse = window.answers(), window.answers(), window.answers(0.1)
    better = window.answers(-0.1)
    assert (first > 0).mean() == pytest.approx(0.25, abs=0.01)
    assert len(first) / 10_000 == pytest.approx(3, abs=0.1)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.8, abs=0.02)
    assert worse.mean() / first.mean() == pytest.approx(0.9, abs=0.02)
    assert better.mean() / first.mean() == pytest.approx(1.1, abs=0.02)


def test_a_challenger_worse_by_a_tenth_is_refused_20_of_20_times() -> None:
    for seed in range(20):
        for part in PARTS[:2]:  # on one window alone, with nothing to say against it elsewhere
            refused = verdict(seed, {"newest": 0.0, part: 0.1})
            assert not refused.accepted
            assert all(reason.startswith(f"{part}: ") for reason in refused.reasons)


def test_an_equal_challenger_is_accepted_18_of_20_times() -> None:
    assert sum(verdict(seed, everywhere(0.0)).accepted for seed in range(20)) >= 18


def test_a_better_challenger_is_accepted() -> None:
    """No less than an equal one: the test has one side."""
    assert all(verdict(seed, everywhere(-0.1)).accepted for seed in range(20))
    assert all(verdict(seed, {"newest": -0.1, "memory": 0.0}).accepted for seed in range(20))


def chain(parts: tuple[Part, ...], seed: int) -> float:
    """True quality of the champion after 50 challengers, each worse by .5% than the champion of its day."""
    anchor = Window([seed], 40_000)
    retrain, quality = anchor.answers(), 1.0
    for day in range(50):
        new = quality * (1 - 0.005)
        evidence = [Window([seed, day, 0]).evidence("newest", 0.005)]
        if "anchor" in parts:
            evidence.append(Evidence("anchor", retrain, anchor.answers(1 - new), anchor.people))
        quality = new if judge(evidence, FINE, FINE).accepted else quality
    return quality


@pytest.mark.slow
def test_a_chain_of_small_losses_ends_two_percent_down_at_most() -> None:
    ends = [chain(("newest", "anchor"), seed) for seed in range(3)]
    assert min(ends) >= 0.98
    assert max(ends) < 1.0  # small steps do pass; it is their sum that does not


def test_without_the_anchor_the_chain_goes_down_all_the_way() -> None:
    assert chain(("newest",), 0) < 0.9


def test_worse_on_the_memory_alone_is_refused_with_that_reason() -> None:
    refused = verdict(0, {"newest": -0.1, "memory": 0.1, "anchor": 0.0})
    assert not refused.accepted
    assert len(refused.reasons) == 1
    assert refused.reasons[0].startswith("memory: ")
    assert "worse than the champion" in refused.reasons[0]


def test_worse_on_the_anchor_is_worse_than_the_last_full_retrain() -> None:
    refused = verdict(0, {"newest": 0.0, "memory": 0.0, "anchor": 0.05})
    assert [reason.split(":")[0] for reason in refused.reasons] == ["anchor"]
    assert "worse than the last full retrain" in refused.reasons[0]


def test_the_anchor_is_tighter_than_the_windows() -> None:
    passed = [verdict(seed, {"newest": 0.0, "memory": 0.02}).accepted for seed in range(10)]
    tight = [verdict(seed, {"newest": 0.0, "anchor": 0.02}, 25_000).accepted for seed in range(10)]
    assert sum(passed) >= 8
    assert sum(tight) <= 2


def test_what_the_verdict_holds() -> None:
    found = verdict(0, {"newest": 0.02})
    figures = found.figures
    assert len(found.reasons) == 1
    assert "of 3.3% is allowed" in found.reasons[0]
    assert figures["newest.people"] == 10_000
    assert figures["newest.loss"] == pytest.approx(
        1 - figures["newest.challenger"] / figures["newest.champion"]
    )
    assert figures["newest.allowed"] == pytest.approx(0.05 - 1.96 * figures["newest.error"], abs=1e-4)
    assert figures["newest.confidence"] > 0.975
    assert figures["vitals.coverage"] == 0.4


@pytest.mark.parametrize("people", [10_000, 50])
def test_a_verdict_is_json(people: int) -> None:
    found = verdict(0, everywhere(0.0), people)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Verdict) == found


def test_a_verdict_with_a_worthless_error_is_json() -> None:
    """One person holds every hit, so the error is infinite, which JSON does not know."""
    values = np.r_[1.0, np.zeros(999)]
    found = judge([Evidence("newest", values, values, np.arange(1_000))], FINE, FINE)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Verdict) == found


def test_below_the_least_number_of_people_nothing_is_decided() -> None:
    refused = verdict(0, {"newest": -0.5}, people=200)
    assert not refused.accepted
    assert "200 people" in refused.reasons[0]
    assert "too few to decide, 300 are needed" in refused.reasons[0]


def test_with_little_evidence_learning_goes_on_but_not_at_any_price() -> None:
    equal = [verdict(seed, {"newest": 0.0, "memory": 0.0}, 1_000) for seed in range(40)]
    worse = [verdict(seed, {"newest": 0.1, "memory": 0.1}, 1_000) for seed in range(40)]
    assert sum(found.accepted for found in equal) >= 34
    assert sum(found.accepted for found in worse) <= 1
    assert "too few people to tell 5%" in " ".join(equal[0].reasons)
    assert 1_000 < equal[0].figures["newest.enough"] < 10_000


def test_an_owner_may_ask_for_proof_instead() -> None:
    """With a passing chance of a half only what measures no worse is spared the test."""
    strict = GateSettings(passing=0.5)
    for seed in range(20):
        found = judge([Window(seed, 1_000).evidence("newest")], FINE, FINE, strict)
        sure = found.figures["newest.confidence"] >= 0.975
        assert found.accepted == (sure or found.figures["newest.loss"] <= 0)


def test_never_more_than_the_margin_as_measured() -> None:
    for error in np.linspace(0, 1, 101):
        allowed, proven = allowed_loss(float(error), 0.05, 0.975, 0.975)
        assert 0 <= allowed <= 0.05
        assert proven == (allowed + 1.95996 * error <= 0.05 + 1e-6)


def test_the_number_of_people_called_enough_is_enough() -> None:
    few = judge([Window(0, 5_000).evidence("anchor"), Window(1).evidence("newest")], FINE, FINE)
    assert "too few people to tell 2%" in " ".join(few.reasons)
    enough = int(1.1 * few.figures["anchor.enough"])
    many = judge([Window(2, enough).evidence("anchor"), Window(1).evidence("newest")], FINE, FINE)
    assert "too few" not in " ".join(many.reasons)
    assert many.figures["anchor.people"] > 10_000


def sure(evidence: Evidence) -> bool:
    """Accepted, and said to be shown."""
    found = judge([evidence], FINE, FINE)
    return found.accepted and found.figures["newest.confidence"] >= 0.975


def test_many_questions_of_few_people_are_little_evidence() -> None:
    """350 people ask 100 questions each, and each likes one of the models more; the truth is a loss of 6%."""
    by_person = by_question = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        people = np.repeat(np.arange(350), 100)
        champion = (rng.random(len(people)) < 0.25) * rng.random(len(people))
        challenger = champion * rng.gamma(4, 0.94 / 4, 350)[people]
        by_person += sure(Evidence("newest", champion, challenger, people))
        by_question += sure(Evidence("newest", champion, challenger, np.arange(len(people))))
    assert by_person <= 1
    assert by_question >= 4  # sure, and wrong


def test_one_who_asks_more_than_all_others_does_not_decide() -> None:
    """A tenth worse for a thousand people, a third better for one with half of the questions."""
    champion = np.tile([0.5, 0.0], 2_000)
    challenger = champion * np.repeat([0.9, 1.3], 2_000)
    people = np.r_[np.repeat(np.arange(1_000), 2), np.full(2_000, 1_000)]
    assert challenger.mean() > champion.mean()
    refused = judge([Evidence("newest", champion, challenger, people)], FINE, FINE)
    assert not refused.accepted
    assert "1,001 people, worth 4 who ask equally often" in refused.reasons[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"finite": False}, "NaN or infinity"),
        ({"norms": (10.0, 20.0, 30.0)}, "norm of its item vectors"),
        ({"scores": (5.0, 6.0, 7.0)}, "jump"),
        ({"coverage": 0.02}, "of the catalogue"),
    ],
)
def test_what_is_broken_is_refused_however_good_it_looks(change: dict, words: str) -> None:
    broken = msgspec.structs.replace(FINE, **change)
    better = Window(0, 2_000).evidence("newest", -0.3)
    for found in (judge([better], FINE, broken), cheap_gate(better, FINE, broken)):
        assert not found.accepted
        assert words in " ".join(found.reasons)
    assert judge([better], FINE, FINE).accepted
    assert cheap_gate(better, FINE, FINE).accepted


@pytest.mark.parametrize("gate", [lambda e: judge([e], FINE, FINE), lambda e: cheap_gate(e, FINE, FINE)])
def test_a_value_that_is_missing_on_one_side_is_refused(gate: Callable[[Evidence], Verdict]) -> None:
    whole = Window(0, 1_000).evidence("newest")
    holes = whole.challenger.copy()
    holes[:3] = np.nan
    refused = gate(Evidence("newest", whole.champion, holes, whole.people))
    assert not refused.accepted
    assert "the challenger has no number for 3 of" in refused.reasons[0]
    refused = gate(Evidence("newest", holes, whole.champion, whole.people))
    assert "the champion has no number for 3 of" in refused.reasons[0]


def test_a_question_that_nobody_could_answer_is_left_out() -> None:
    whole = Window(0).evidence("newest")
    found = judge([whole], FINE, FINE)
    gap = np.full(500, np.nan)
    more = Evidence(
        "newest", np.r_[whole.champion, gap], np.r_[whole.challenger, gap], np.r_[whole.people, gap]
    )
    assert judge([more], FINE, FINE) == found


def test_the_newest_window_is_needed() -> None:
    for parts in ([], [Window(0).evidence("memory")]):
        refused = judge(parts, FINE, FINE)
        assert not refused.accepted
        assert "no evidence on the newest window" in refused.reasons[0]


def test_a_part_where_nothing_was_measured_is_refused() -> None:
    nothing = np.full(5, np.nan)
    refused = judge([Evidence("newest", nothing, nothing, np.arange(5))], FINE, FINE)
    assert refused.reasons == ("newest: no question could be measured",)


def test_a_champion_that_finds_nothing_can_be_replaced() -> None:
    found = judge([Evidence("newest", np.zeros(900), np.full(900, 0.2), np.arange(900))], FINE, FINE)
    assert found.accepted


def test_a_part_twice_and_unlike_lengths_are_an_error() -> None:
    part = Window(0, 500).evidence("newest")
    with pytest.raises(InvalidInput, match="may come once"):
        judge([part, part], FINE, FINE)
    with pytest.raises(InvalidInput, match=r"newest: two values and a person"):
        Evidence("newest", part.champion, part.challenger[1:], part.people)


def test_the_cheap_gate_takes_the_loss_as_measured() -> None:
    values, people = np.tile([0.5, 0.0, 0.0], 100), np.arange(300) // 3
    for worse, accepted in ((0.0, True), (0.09, True), (0.11, False)):
        found = cheap_gate(Evidence("newest", values, (1 - worse) * values, people), FINE, FINE)
        assert found.accepted == accepted
        assert found.figures["newest.loss"] == pytest.approx(worse)
        assert f"{worse:.1%} worse than the champion" in found.reasons[0]


def test_the_cheap_gate_does_not_look_at_a_handful_of_questions() -> None:
    few = Evidence("newest", np.ones(99), np.zeros(99), np.arange(99))
    found = cheap_gate(few, FINE, FINE)
    assert found.accepted
    assert "only the vitals were" in found.reasons[0]
    assert not cheap_gate(few, FINE, FINE, GateSettings(cheap_least=99)).accepted


@pytest.mark.parametrize("wrong", [{"margin": 0.0}, {"level": 1.0}, {"passing": 0.4}, {"margn": 0.1}])
def test_settings_that_make_no_sense_cannot_be_read(wrong: dict) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, GateSettings)
    assert msgspec.convert({"margin": 0.1}, GateSettings).margin == 0.1
