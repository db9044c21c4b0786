"""What every log of decisions must do. A new one inherits the class and supplies a fixture."""

from typing import Any

import pytest

from penchant.errors import Conflict, NotFound
from penchant.events.decisions import Decision, DecisionLog, Kind, Offered, OfferedLog, Step, told
from penchant.testing.erasable_contract import OTHER, VICTIM
from penchant.types import Pseudonym


def price(name: str, subject: str = "tea", suggested: float = 3.2, **more: Any) -> Decision:
    """A price that is suggested, three and a half now."""
    given: dict[str, Any] = {"now": 3.5} | more
    return Decision(id=name, kind="price", subject=subject, suggested=suggested, **given)


def proposed(decision: Decision, time: float = 1.0) -> tuple[str, Step]:
    """Its first step."""
    return decision.id, Step(what="proposed", time=time, by="Ann", decision=decision)


def offered(person: Pseudonym, *offers: str) -> Offered:
    """What a person gets."""
    return Offered(person=person, time=1.0, offers=offers, held_out=not offers, propensity=0.5)


class DecisionLogContract:
    """Tests of :class:`~penchant.events.decisions.DecisionLog`.

    A subclass gives the fixture ``log`` (empty), and overrides ``reopened`` where it is durable.
    """

    def reopened(self, log: DecisionLog) -> DecisionLog:
        return log

    def test_nothing_is_known_of_a_stranger(self, log: DecisionLog) -> None:
        assert log.get("d1") is None
        assert log.find() == log.find(due=True) == []
        with pytest.raises(NotFound, match="no decision"):
            log.add([("d1", Step(what="approved", time=1.0, by="Ann"))])
        assert log.get("d1") is None

    def test_all_of_it_comes_back(self, log: DecisionLog) -> None:
        curve = ((3.0, 1.0, 0.5, 1.5), (3.2, 2.0, 1.0, 3.0))
        made = price(
            "d1", reason="it pays", goal="profit", expected=1.0, low=-1.0, high=2.0, curve=curve, lowest=3.0,
            alternatives=(3.0, "none"), propensity=0.5, inputs={"a.json": "sha256:1"}, settings={"step": 0.1},
        )  # fmt: skip
        log.add([proposed(made)])
        log.add([("d1", Step(what="outcome", time=2.0, by="Bob", note="so", came={"profit": 1.5, "x": "y"}))])
        found = self.reopened(log).get("d1")
        assert found is not None
        assert found.decision == made
        assert found.steps[1].came == {"profit": 1.5, "x": "y"}
        assert (found.state, found.value, found.due) == ("waiting", 3.2, "")
        assert told(found)["history"][1]["note"] == "so"

    def test_its_state_follows_its_steps(self, log: DecisionLog) -> None:
        log.add([proposed(price("d1"))])
        for step, state, due in (
            (Step(what="approved", time=2.0, by="Ann", needed=2), "waiting", ""),
            (Step(what="approved", time=3.0, by="Bob", needed=2), "approved", "out"),
            (Step(what="edited", time=4.0, by="Bob", value=3.3), "waiting", ""),
            (Step(what="approved", time=5.0, by="Ann"), "approved", "out"),
            (Step(what="sending", time=6.0, value=3.3), "approved", "out"),
            (Step(what="sent", time=6.0), "sent", ""),
            (Step(what="taken-back", time=7.0, by="Ann"), "taken-back", "back"),
            (Step(what="sending", time=8.0, value=3.5, back=True), "taken-back", "back"),
            (Step(what="sent", time=9.0, back=True), "taken-back", ""),
        ):
            log.add([("d1", step)])
            found = log.get("d1")
            assert found is not None
            assert (found.state, found.due) == (state, due)
            assert [one.decision.id for one in log.find(state=state)] == ["d1"]
            assert len(log.find(due=True)) == bool(due)
        assert [one.value for one in log.find()] == [3.3]

    def test_what_never_left_is_taken_back_without_a_letter(self, log: DecisionLog) -> None:
        back = Step(what="taken-back", time=3.0, by="Ann")
        log.add([proposed(price("d1")), ("d1", Step(what="approved", time=2.0, by="Ann")), ("d1", back)])
        assert log.find(due=True) == []

    @pytest.mark.parametrize("kind", ["order", "campaign"])
    def test_only_prices_go_out(self, log: DecisionLog, kind: Kind) -> None:
        made = Decision(id="d1", kind=kind, subject="x", suggested=5.0)
        log.add([proposed(made), ("d1", Step(what="approved", time=2.0, by="Ann"))])
        assert [one.state for one in log.find()] == ["approved"]
        assert log.find(due=True) == []

    def test_the_newest_come_first_and_can_be_chosen(self, log: DecisionLog) -> None:
        order = Decision(id="d2", kind="order", subject="tea", suggested=5.0)
        log.add([proposed(price("d1")), proposed(order), proposed(price("d3", "coffee"))])
        log.add([("d1", Step(what="rejected", time=2.0, by="Ann"))])

        def names(**asked: Any) -> list[str]:
            return [one.decision.id for one in self.reopened(log).find(**asked)]

        assert names() == ["d3", "d2", "d1"]
        assert names(limit=2) == ["d3", "d2"]
        assert names(subject="tea") == ["d2", "d1"]
        assert names(subject="tea", kind="price") == names(state="rejected") == ["d1"]
        assert names(state="waiting", kind="price", limit=5) == ["d3"]

    def test_who_did_not_see_all_of_it_is_told(self, log: DecisionLog) -> None:
        log.add([proposed(price("d1")), proposed(price("d2", "coffee"))])
        approved = Step(what="approved", time=2.0, by="Ann")
        log.add([("d1", approved)], {"d1": 1})
        for steps in ([("d1", approved)], [("d2", approved), ("d1", approved)]):
            with pytest.raises(Conflict, match="changed"):
                log.add(steps, {"d1": 1})
        assert [len(one.steps) for one in log.find()] == [1, 2]


class OfferedLogContract:
    """Tests of :class:`~penchant.events.decisions.OfferedLog`; a subclass gives ``offers`` (empty)."""

    def test_who_gets_what_comes_back(self, offers: OfferedLog) -> None:
        offers.add("d1", [offered(VICTIM, "a", "b"), offered(OTHER)])
        offers.add("d2", [offered(VICTIM, "c")])
        assert offers.of("d1") == [offered(OTHER), offered(VICTIM, "a", "b")]
        assert offers.of("d3") == []

    def test_a_person_has_one_row_of_a_campaign(self, offers: OfferedLog) -> None:
        offers.add("d1", [offered(VICTIM, "a")])
        offers.add("d1", [offered(VICTIM, "b")])
        assert offers.of("d1") == [offered(VICTIM, "b")]
