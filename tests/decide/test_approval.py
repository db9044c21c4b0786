"""The queue: who may say yes, how many must, and what leaves the house how often."""

import math

import pytest

from penchant.catalog.prices import DAY
from penchant.decide.approval import Person, Queue
from penchant.decide.sending import send
from penchant.errors import Conflict, InvalidInput, NotFound
from penchant.events.decisions import Decision
from penchant.settings import DecisionSettings
from penchant.testing.decision_fakes import InMemoryDecisions, KeptLetters
from penchant.testing.decisions_contract import price
from penchant.testing.fakes import ManualClock

ANN, BOB, CID = Person("Ann"), Person("Bob"), Person("Cid")


@pytest.fixture
def queue():
    return Queue(InMemoryDecisions(), DecisionSettings(), ManualClock(1.0), 1_000.0)


def order(name, suggested=10.0, cost=900.0):
    return Decision(id=name, kind="order", subject="tea", suggested=suggested, cost=cost)


def campaign(name, cost=900.0):
    return Decision(id=name, kind="campaign", subject="spring", suggested=cost, cost=cost)


def approved(queue, made, *people):
    queue.propose([made], ANN)
    for who in people or (ANN,):
        found = queue.approve(made.id, who)
    return found


def sent(queue, outlet=None):
    outlet = KeptLetters() if outlet is None else outlet
    found = send(queue.log, outlet, ManualClock(9.0), "CHF")
    return found, outlet.arrived


@pytest.mark.parametrize(
    ("made", "needed"),
    [
        (price("d1", suggested=3.15), 1),
        (price("d1", suggested=3.85), 1),
        (price("d1", suggested=3.14), 2),
        (price("d1", suggested=3.86), 2),
        (price("d1", now=None), 2),
        (price("d1", now=0.0), 2),
        (order("d1"), 1),
        (order("d1", cost=1_000.01), 2),
        (order("d1", cost=None), 2),
        (campaign("d1"), 1),
        (campaign("d1", cost=1_000.01), 2),
    ],
)
def test_two_people_above_the_limit(queue, made, needed):
    queue.propose([made], ANN)
    assert queue.needed(queue.get("d1")) == needed
    found = queue.approve("d1", ANN)
    assert found.state == ("approved" if needed == 1 else "waiting")
    if needed == 2:
        for same in (ANN, Person(" ann "), Person("ANN", "key 7")):
            with pytest.raises(Conflict, match="two different people"):
                queue.approve("d1", same)
        assert queue.get("d1").state == "waiting"
        assert queue.approve("d1", BOB).state == "approved"
    with pytest.raises(Conflict, match="approved: it cannot be approved"):
        queue.approve("d1", CID)


def test_two_names_of_one_key_are_one_person(queue):
    queue.propose([price("d1", suggested=1.0)], ANN)
    with pytest.raises(InvalidInput, match="say who you are"):
        queue.approve("d1", Person("key 1", "key 1"))
    queue.approve("d1", Person("Ann", "key 1"))
    with pytest.raises(Conflict):
        queue.approve("d1", Person("Bob", "key 1"))
    assert queue.approve("d1", Person("Bob", "key 2")).state == "approved"


def test_an_edit_takes_the_approvals_away_and_is_judged_by_what_it_says(queue):
    queue.propose([price("d1", suggested=3.0)], ANN)
    queue.approve("d1", ANN)
    assert queue.edit("d1", 3.4, BOB, note="milder").approvals == ()
    assert queue.approve("d1", CID).state == "approved", "a small change needs one"
    assert queue.edit("d1", 9.9, CID).state == "waiting"
    queue.approve("d1", CID)
    assert queue.get("d1").state == "waiting", "a large one needs two"
    assert queue.approve("d1", BOB).value == 9.9


def test_an_edited_order_costs_in_proportion(queue):
    queue.propose([order("d1", suggested=10.0, cost=900.0)], ANN)
    assert queue.needed(queue.edit("d1", 12.0, ANN)) == 2


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan, 1_000.01])
def test_a_value_that_is_none(queue, value):
    queue.propose([price("d1")], ANN)
    with pytest.raises(InvalidInput, match="number above 0"):
        queue.edit("d1", value, ANN)
    assert queue.get("d1").value == 3.2


def test_a_campaign_is_allocated_again_instead(queue):
    queue.propose([campaign("d1")], ANN)
    with pytest.raises(Conflict, match="allocate it again"):
        queue.edit("d1", 10.0, ANN)


def test_what_was_decided_is_not_decided_again(queue):
    queue.propose([price("d1")], ANN)
    queue.reject("d1", BOB, note="no")
    for change in (
        lambda: queue.approve("d1", ANN),
        lambda: queue.edit("d1", 3.0, ANN),
        lambda: queue.reject("d1", ANN),
        lambda: queue.take_back("d1", ANN),
    ):
        with pytest.raises(Conflict, match="rejected"):
            change()
    with pytest.raises(NotFound):
        queue.approve("d2", ANN)
    assert [(step.what, step.by, step.note) for step in queue.get("d1").steps] == [
        ("proposed", "Ann", ""), ("rejected", "Bob", "no"),
    ]  # fmt: skip


def test_who_saw_an_older_state_is_told(queue):
    queue.propose([price("d1")], ANN)
    queue.edit("d1", 3.3, BOB)
    with pytest.raises(Conflict, match="changed"):
        queue.approve("d1", ANN, seen=1)
    assert queue.approve("d1", ANN, seen=2).state == "approved"


def test_a_newer_suggestion_replaces_the_one_that_waits(queue):
    assert queue.propose([price("d1"), price("d2", "coffee")], ANN) == ["d1", "d2"]
    assert queue.propose([price("d3"), price("d4", "coffee", 3.0)], BOB) == ["d4"], "the first says the same"
    assert [(one.decision.id, one.state) for one in queue.log.find()] == [
        ("d4", "waiting"), ("d2", "replaced"), ("d1", "waiting"),
    ]  # fmt: skip
    queue.edit("d1", 3.3, ANN)
    assert queue.propose([price("d5")], BOB) == ["d5"], "an edited one says something else"


def test_names_and_notes_have_an_end(queue):
    queue.propose([price("d1")], ANN)
    for who, note in ((Person(" "), ""), (Person("x" * 501), ""), (ANN, "x" * 501)):
        with pytest.raises(InvalidInput, match="name of who decides"):
            queue.approve("d1", who, note=note)


@pytest.mark.parametrize(
    "came", [{}, {"": 1}, {"a": math.nan}, {"a": 10**400}, {"a": "x" * 501}, {"a": [1]}, {1: 1}]
)
def test_what_came_of_it_is_figures(queue, came):
    queue.propose([price("d1")], ANN)
    with pytest.raises(InvalidInput, match="what came of it"):
        queue.outcome("d1", came, ANN)
    assert queue.outcome("d1", {"profit": 2.5}, ANN).steps[-1].came == {"profit": 2.5}


def test_only_what_is_approved_goes_and_once(queue):
    approved(queue, price("d1"))
    queue.propose([price("d2", "coffee", 3.1), price("d3", "honey", 3.4)], ANN)
    queue.reject("d3", ANN)
    approved(queue, order("d4"))
    found, letters = sent(queue)
    assert (found.sent, found.waiting, found.problem) == (1, 0, "")
    assert [(one.id, one.item_id, one.price, one.former, one.currency) for one in letters] == [
        ("d1-out", "tea", 3.2, 3.5, "CHF")
    ]
    assert sent(queue)[1] == []
    assert queue.get("d1").state == "sent"


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("most", [0, 1, 2])
def test_cut_off_in_between_the_same_letter_leaves_again(queue, most, lost):
    for name, subject in (("d1", "tea"), ("d2", "coffee"), ("d3", "honey")):
        approved(queue, price(name, subject))
    outlet = KeptLetters(most, lost=lost)
    found, first = sent(queue, outlet)
    assert (found.sent, found.waiting, found.problem) == (most, 3 - most, "nobody answers")
    _, second = sent(queue)
    assert len(second) == 3 - most
    assert {one.id: one for one in first} | {one.id: one for one in second} == {
        one.id: one for one in [*first, *second]
    }
    assert {one.id for one in [*first, *second]} == {"d1-out", "d2-out", "d3-out"}
    assert sent(queue)[1] == []


def test_a_price_on_its_way_cannot_be_edited_or_refused(queue):
    approved(queue, price("d1"))
    sent(queue, KeptLetters(0))
    for change in (lambda: queue.edit("d1", 3.3, ANN), lambda: queue.reject("d1", ANN)):
        with pytest.raises(Conflict, match="on its way"):
            change()


@pytest.mark.parametrize("heard", [True, False])
def test_taking_back_sends_the_former_price_once(queue, heard):
    approved(queue, price("d1"))
    sent(queue, KeptLetters() if heard else KeptLetters(0, lost=True))
    assert queue.take_back("d1", BOB, note="too dear").due == "back"
    (letter,) = sent(queue)[1]
    assert (letter.id, letter.price, letter.former, letter.back) == ("d1-back", 3.5, 3.2, True)
    assert letter.approved_by == ["Bob"]
    assert sent(queue)[1] == []
    with pytest.raises(Conflict, match="only what was approved"):
        queue.take_back("d1", BOB)


def test_without_a_former_price_there_is_no_way_back(queue):
    approved(queue, price("d1", now=None), ANN, BOB)
    sent(queue)
    with pytest.raises(Conflict, match="no former price"):
        queue.take_back("d1", ANN)


def test_the_later_one_is_taken_back_first(queue):
    clock = ManualClock(1.0)
    queue = Queue(queue.log, DecisionSettings(), clock)
    approved(queue, price("d1"))
    sent(queue)
    clock.now = 2.0
    approved(queue, price("d2", suggested=3.3, now=3.2))
    sent(queue)
    with pytest.raises(Conflict, match="d2"):
        queue.take_back("d1", ANN)
    queue.take_back("d2", ANN)
    queue.take_back("d1", ANN)
    assert [one.price for one in sent(queue)[1]] == [3.2, 3.5], "what holds in the end comes last"


def test_an_older_price_that_did_not_arrive_never_follows_a_newer_one(queue):
    approved(queue, price("d1"))
    sent(queue, KeptLetters(0))
    approved(queue, price("d2", suggested=3.4))
    assert queue.get("d1").state == "replaced"
    assert [one.decision for one in sent(queue)[1]] == ["d2"]


def test_what_is_taken_back_while_it_leaves_goes_back_at_once(queue):
    approved(queue, price("d1"))

    class Quick(KeptLetters):
        def deliver(self, letters):
            for letter in super().deliver(letters):
                if not letter.back:
                    queue.take_back("d1", BOB)
                yield letter

    found, letters = sent(queue, Quick())
    assert (found.sent, found.waiting) == (2, 0)
    assert [one.id for one in letters] == ["d1-out", "d1-back"]


def test_whoever_changed_it_meanwhile_stops_the_letter(queue):
    """Between the look at what is due and the note that it leaves, somebody edits."""
    approved(queue, price("d1"))

    class Racing:
        def __init__(self, log):
            self._log = log

        def find(self, **asked):
            found = self._log.find(**asked)
            if any(one.state == "approved" for one in found):
                queue.edit("d1", 3.3, BOB)
            return found

        def __getattr__(self, name):
            return getattr(self._log, name)

    outlet = KeptLetters()
    assert send(Racing(queue.log), outlet, ManualClock(9.0), "CHF").sent == 0
    assert outlet.arrived == []


def test_a_number_that_was_guessed_does_not_stand_for_what_was_seen(queue):
    """Both checks were made of the steps before: what comes in between must be seen first."""
    queue.propose([price("d1", suggested=3.85)], ANN)
    with pytest.raises(Conflict, match="look at it again"):
        queue.approve("d1", ANN, seen=2)
    assert queue.get("d1").state == "waiting"


def test_a_former_price_that_is_due_comes_back_before_another_is_approved(queue):
    made = approved(queue, price("d1", suggested=3.85), ANN)
    sent(queue)
    queue.take_back("d1", ANN)
    queue.propose([price("d2", suggested=3.4)], ANN)
    with pytest.raises(Conflict, match=r"on its way back .decision d1."):
        queue.approve("d2", ANN)
    _, arrived = sent(queue)
    assert [letter.price for letter in arrived] == [made.decision.now]
    assert queue.approve("d2", ANN).state == "approved"


def small(queue, name, now, suggested, *, at):
    queue._clock.now = at
    found = approved(queue, price(name, suggested=suggested, now=now))
    sent(queue)
    return found


def test_many_small_changes_are_not_smaller_than_a_large_one(queue):
    month = queue._settings.price_days * DAY
    assert small(queue, "d1", 3.0, 3.2, at=1.0).state == "approved"
    assert small(queue, "d2", 3.2, 3.3, at=2.0).state == "approved", "a tenth in all"
    assert small(queue, "d3", 3.3, 3.4, at=3.0).state == "waiting"
    assert queue.needed(queue.get("d3")) == 2
    assert queue.edit("d3", 3.25, ANN).state == "waiting"
    assert queue.needed(queue.get("d3")) == 1, "back towards where it began"
    queue.edit("d3", 3.4, ANN)
    queue.approve("d3", ANN)
    assert queue.approve("d3", BOB).state == "approved"
    sent(queue)
    assert small(queue, "d4", 3.4, 3.6, at=4.0).state == "approved", "two people have agreed to 3.4"
    assert small(queue, "d5", 3.6, 3.8, at=5.0).state == "waiting"
    queue.reject("d5", ANN)
    assert small(queue, "d6", 3.6, 3.8, at=4.5 + month).state == "approved", "each has its month"
    assert queue.needed(queue.get("d3")) == 2, "as it was approved"


def test_what_was_refused_or_taken_back_is_no_change(queue):
    small(queue, "d1", 3.0, 3.3, at=1.0)
    queue.take_back("d1", ANN)
    sent(queue)
    assert small(queue, "d2", 3.0, 2.8, at=2.0).state == "approved"
    assert small(queue, "d3", 2.8, 2.75, at=3.0).state == "approved"
