"""Decisions: what was suggested and why, who approved it, what went out, and what came of it.

Rows are only ever added; what a decision is now is the fold of its rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from penchant.errors import Conflict
from penchant.types import Pseudonym, Scalar

Kind = Literal["price", "order", "campaign"]
What = Literal[
    "proposed", "replaced", "approved", "edited", "rejected", "sending", "sent", "taken-back", "outcome"
]
State = Literal["waiting", "approved", "sent", "rejected", "replaced", "taken-back"]
Due = Literal["", "out", "back"]

Point = tuple[float, float, float, float]
"""What is chosen, what is expected of it, and the ends of the 95% interval."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What was suggested. It knows of no person: who gets what of a campaign stands in :class:`Offered`.

    Attributes:
        kind, subject: what it is about: an item, or a campaign's name.
        suggested, now: the price, the pieces to order, or the costs of a campaign; None where there is none.
        reason: in words.
        goal: what ``expected`` counts, with its 95% interval ``low`` to ``high``.
        cost: of an order or a campaign; None where it is not known.
        lowest: of a discount, the lowest price of the 30 days before it.
        curve: what each choice should bring, for a plot.
        alternatives: what else could have been chosen.
        propensity: chance with which this was chosen; 1 where nothing was drawn.
        inputs: SHA-256 of each file that it was made of. settings: what it was asked with.
    """

    id: str
    kind: Kind
    subject: str
    suggested: float
    now: float | None = None
    reason: str = ""
    goal: str = ""
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    cost: float | None = None
    lowest: float | None = None
    curve: tuple[Point, ...] = ()
    alternatives: tuple[Scalar, ...] = ()
    propensity: float = 1.0
    inputs: dict[str, str] = {}
    settings: dict[str, Scalar] = {}


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One thing that happened to a decision.

    Attributes:
        by: name of who did it. via: what they were known by: an API key, a session, a command.
        decision: of ``proposed``. value: of ``edited``, and of what is ``sending``.
        needed: of ``approved``, people who must approve in all.
        back: of ``sending`` and ``sent``: the former price goes out.
        came: of ``outcome``.
    """

    what: What
    time: float
    by: str = ""
    via: str = ""
    note: str = ""
    decision: Decision | None = None
    value: float | None = None
    needed: int = 1
    back: bool = False
    came: dict[str, Scalar] = {}


class Decided(NamedTuple):
    """A decision as it is now.

    Attributes:
        value: what is suggested now: as it was edited last.
        approvals: those that hold: an edit takes away what was approved before it.
        due: what has to go out: the price (``out``), the former one (``back``), or nothing.
    """

    decision: Decision
    state: State
    value: float
    approvals: tuple[Step, ...]
    due: Due
    steps: tuple[Step, ...]


class Offered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one person gets of a campaign. ``person`` is a pseudonym.

    Attributes:
        offers: none for who gets nothing. held_out: by lot.
        propensity: chance with which the lot fell so.
    """

    person: Pseudonym
    time: float
    offers: tuple[str, ...]
    held_out: bool = False
    propensity: float = 1.0


class DecisionLog(Protocol):
    """Steps of decisions, durable and only ever added to. May be written beside a server."""

    def add(
        self,
        steps: Sequence[tuple[str, Step]],
        expected: Mapping[str, int] | None = None,
        offers: Mapping[str, Sequence[Offered]] | None = None,
    ) -> None:
        """Keep steps by the ids of their decisions, and who gets what of campaigns among them: all or none.

        Raises:
            Conflict: a decision has another number of steps by now than is ``expected`` of it.
            NotFound: a step of a decision that was never proposed.
        """
        ...

    def get(self, decision: str) -> Decided | None: ...

    def find(
        self, *, kind: str = "", state: str = "", subject: str = "", due: bool = False, limit: int = 0
    ) -> list[Decided]:
        """Newest proposal first; of that kind, state and subject where they are given, and only what is
        ``due``. ``limit`` 0 for all."""
        ...


class OfferedLog(Protocol):
    """Who was to get what of which campaign; what is held on a person goes with the person."""

    def add(self, decision: str, offers: Sequence[Offered]) -> None: ...

    def of(self, decision: str) -> list[Offered]: ...


def has_changed(decision: str) -> Conflict:
    """What is told to somebody who looked at fewer steps than there are."""
    return Conflict(
        f"decision {decision} has changed since it was looked at: look at it again. Nothing was changed."
    )


def folded(steps: Sequence[Step]) -> Decided:
    """A decision as its steps made it; the first one proposed it.

    >>> made = Decision(id="d1", kind="price", subject="tea", suggested=3.5, now=3.0)
    >>> steps = [Step(what="proposed", time=1.0, decision=made), Step(what="approved", time=2.0, by="Ann")]
    >>> (found := folded(steps)).state, found.value, found.due
    ('approved', 3.5, 'out')
    >>> folded([*steps, Step(what="edited", time=3.0, value=3.4)]).state
    'waiting'
    """
    decision = steps[0].decision
    if decision is None:
        raise ValueError("a decision begins with its proposal")
    state: State = "waiting"
    value, approvals = decision.suggested, list[Step]()
    for step in steps[1:]:
        if step.what == "edited":
            value, approvals, state = step.value if step.value is not None else value, [], "waiting"
        elif step.what == "approved":
            approvals.append(step)
            state = "approved" if len(approvals) >= step.needed else "waiting"
        elif step.what == "sent" and not step.back and state == "approved":
            state = "sent"
        elif step.what in ("rejected", "replaced", "taken-back"):
            state = step.what
    return Decided(decision, state, value, tuple(approvals), _due(decision, state, steps), tuple(steps))


def _due(decision: Decision, state: State, steps: Sequence[Step]) -> Due:
    """What began to go out may have arrived, whatever is known of it: it is taken back by what it was."""
    if decision.kind != "price":
        return ""
    done = {(step.what, step.back) for step in steps}
    if state == "taken-back" and ("sending", False) in done and ("sent", True) not in done:
        return "back"
    return "out" if state == "approved" else ""


def told(found: Decided) -> dict[str, Any]:
    """A decision as built-ins, with its state and its steps.

    >>> made = Decision(id="d1", kind="price", subject="tea", suggested=3.5)
    >>> told(folded([Step(what="proposed", time=1.0, by="Ann", decision=made)]))["history"]
    [{'what': 'proposed', 'time': 1.0, 'by': 'Ann', 'via': '', 'note': ''}]
    """
    of = {field: getattr(found.decision, field) for field in Decision.__struct_fields__}
    return msgspec.to_builtins(of) | {
        "state": found.state,
        "value": found.value,
        "approved_by": [step.by for step in found.approvals],
        "due": found.due,
        "time": found.steps[0].time,
        "steps": len(found.steps),
        "history": [_told(step) for step in found.steps],
    }


def _told(step: Step) -> dict[str, Any]:
    told: dict[str, Any] = {
        "what": step.what, "time": step.time, "by": step.by, "via": step.via, "note": step.note,
    }  # fmt: skip
    if step.value is not None:
        told["value"] = step.value
    if step.what == "approved":
        told["needed"] = step.needed
    if step.what in ("sending", "sent"):
        told["back"] = step.back
    if step.came:
        told["came"] = step.came
    return told
