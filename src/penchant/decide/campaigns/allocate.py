"""Who gets which offers, so that they bring the most within a budget, the stock of each offer and contact
limits.

A linear program whose optimum has no more people between two choices than there are common limits. Its prices
are learned from some of the people; nearly everybody's best choice is clear by these, and only the others are
left to the solver. An upper bound by the same prices tells how far from the best it can be (Geoffrion,
"Lagrangean relaxation for integer programming", 1974).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.decide.programs import Program, Solver
from penchant.errors import InvalidInput

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]

SAMPLE: Final = 2_000
"""People by whom prices are learned first."""
UNCLEAR: Final = 20_000
"""Choices that are left to the solver at most, in the first round."""
CLOSE: Final = 1e-4
"""Share of the upper bound that may be missing."""
_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """What may be given to n people.

    Attributes:
        value: (n, o) what each offer brings at each person, without its cost; at most 0 is never given.
        cost: (n, o) of giving it.
        stock: (o,) of each offer; infinite where there is no end of it.
        contacts: (n,) offers that each person may get.
        budget: of all costs.
    """

    value: Floats
    cost: Floats
    stock: Floats
    contacts: Rows
    budget: float

    def take(self, rows: Rows, budget: float, stock: Floats) -> "Offers":
        """Some of the people, with limits of their own."""
        return Offers(self.value[rows], self.cost[rows], stock, self.contacts[rows], budget)


@dataclass(frozen=True, slots=True, eq=False)
class Allocation:
    """Who gets what.

    Attributes:
        given: (n, o).
        value: of all of them. bound: no allocation is worth more than this.
        spent: of the budget.
    """

    given: Flags
    value: float
    bound: float
    spent: float


@dataclass(frozen=True, slots=True, eq=False)
class _Prices:
    """Of one unit of money, and of one piece of each offer."""

    money: float
    pieces: Floats


def allocate(offers: Offers, solver: Solver, seed: int = 0) -> Allocation:
    """The best allocation, or one within :data:`CLOSE` of what is possible.

    Raises:
        InvalidInput: shapes do not fit, or a limit is negative.
    """
    _check(offers)
    prices = _sampled(offers, solver, seed)
    best: Allocation | None = None
    for power in range(_ROUNDS):
        found, prices = _solved(offers, solver, prices, UNCLEAR * 4**power)
        if best is None or found.value > best.value:
            best = Allocation(
                found.given, found.value, min(found.bound, best.bound if best else np.inf), found.spent
            )
        if best.bound - best.value <= CLOSE * abs(best.bound) + 1e-9:
            break
    assert best is not None  # noqa: S101 - there is a first round
    return best


def _check(offers: Offers) -> None:
    people, count = offers.value.shape
    fits = (
        offers.cost.shape == (people, count) and len(offers.stock) == count and len(offers.contacts) == people
    )
    if not fits or not np.isfinite(offers.value).all() or not np.isfinite(offers.cost).all():
        raise InvalidInput("each person needs a finite value and cost of each offer")
    if (
        offers.budget < 0
        or (offers.stock < 0).any()
        or (offers.contacts < 0).any()
        or (offers.cost < 0).any()
    ):
        raise InvalidInput("budget, stock, contacts and costs cannot be negative")


def _sampled(offers: Offers, solver: Solver, seed: int) -> _Prices:
    people = len(offers.value)
    count = min(people, SAMPLE)
    rows = np.sort(np.random.default_rng(seed).choice(people, count, replace=False))
    part = count / people
    return _linear(
        offers.take(rows, offers.budget * part, offers.stock * part), offers.value[rows] > 0, solver
    )[1]


def _linear(offers: Offers, open_: Flags, solver: Solver) -> tuple[Floats, _Prices]:
    """Shares (n, o) that the program gives among the ``open_`` choices, and prices of its limits."""
    person, offer = np.nonzero(open_)
    people, count = open_.shape
    shares = np.zeros((people, count))
    if not len(person):
        return shares, _Prices(0.0, np.zeros(count))
    limited = np.isfinite(offers.stock)
    variables = np.arange(len(person))
    piece = limited[offer]
    names, row = np.unique(person, return_inverse=True)
    stock_row = len(names) + np.cumsum(limited) - 1
    last = len(names) + int(limited.sum())
    costs = offers.cost[person, offer]
    program = Program(
        values=offers.value[person, offer],
        row=np.concatenate([row, stock_row[offer[piece]], np.full(len(person), last)]),
        column=np.concatenate([variables, variables[piece], variables]),
        factor=np.concatenate([np.ones(len(person) + int(piece.sum())), costs]),
        limits=np.concatenate(
            [offers.contacts[names], offers.stock[limited], [min(offers.budget, costs.sum())]]
        ),
    )
    found = solver.solve(program)
    shares[person, offer] = found.x
    pieces = np.zeros(count)
    pieces[limited] = found.prices[len(names) : last]
    return shares, _Prices(float(found.prices[last]), pieces)


def _solved(offers: Offers, solver: Solver, prices: _Prices, most: int) -> tuple[Allocation, _Prices]:
    """Give what is clear by the prices, and let the solver decide the rest."""
    clear, unclear = _by_prices(offers, prices, most)
    left_budget = max(0.0, offers.budget - float(offers.cost[clear].sum()))
    left_stock = np.maximum(0.0, offers.stock - clear.sum(axis=0))
    left = Offers(offers.value, offers.cost, left_stock, offers.contacts - clear.sum(axis=1), left_budget)
    shares, fresh = _linear(left, unclear, solver)
    given = clear | (shares > 1 - 1e-6)
    given = _within(offers, given)
    _fill(offers, given)
    bound = min(_bound(offers, prices), _bound(offers, fresh))
    value = float(offers.value[given].sum())
    return Allocation(given, value, bound, float(offers.cost[given].sum())), fresh


def _by_prices(offers: Offers, prices: _Prices, most: int) -> tuple[Flags, Flags]:
    """Choices that are clear by the prices, and the ``most`` that are closest to the line."""
    gain = _gain(offers, prices)
    wanted = _wanted(gain, offers.contacts)
    # How far each choice is from being made, or from not being made.
    people, count = gain.shape
    ranked = -np.sort(-gain, axis=1)
    slots = np.minimum(offers.contacts, count)
    inside = np.maximum(ranked[np.arange(people), np.maximum(slots - 1, 0)], 0.0)
    beyond = np.where(slots < count, ranked[np.arange(people), np.minimum(slots, count - 1)], -np.inf)
    line = np.where(wanted, np.maximum(beyond, 0.0)[:, None], inside[:, None])
    distance = np.where((offers.value > 0) & (slots > 0)[:, None], np.abs(gain - line), np.inf)
    possible = np.isfinite(distance)
    if int(possible.sum()) <= most:
        return np.zeros_like(wanted), possible
    near = distance <= np.partition(distance[possible], most)[most]
    # What is unclear of a person is decided together.
    return wanted & ~near, near & possible


def _gain(offers: Offers, prices: _Prices) -> Floats:
    gain = offers.value - prices.money * offers.cost - prices.pieces
    return np.where(offers.value > 0, gain, -np.inf)


def _wanted(gain: Floats, contacts: Rows) -> Flags:
    """The best choices of each person that gain anything, as many as they may get."""
    rank = np.argsort(np.argsort(-gain, axis=1, kind="stable"), axis=1)
    return (gain > 0) & (rank < contacts[:, None])


def _bound(offers: Offers, prices: _Prices) -> float:
    """What the limits are worth at these prices, and what people gain beyond: no allocation brings more."""
    gain = _gain(offers, prices)
    stock = np.where(prices.pieces > 0, offers.stock, 0.0)
    common = (prices.money * offers.budget if prices.money > 0 else 0.0) + float(prices.pieces @ stock)
    return common + float(gain[_wanted(gain, offers.contacts)].sum())


def _within(offers: Offers, given: Flags) -> Flags:
    """Take back what breaks a limit, the least worth first."""
    kept = np.zeros_like(given)
    person, offer = np.nonzero(given)
    worth = offers.value[person, offer] / np.maximum(offers.cost[person, offer], 1e-9)
    order = np.argsort(-worth, kind="stable")
    person, offer = person[order], offer[order]
    cost = np.cumsum(offers.cost[person, offer]) <= offers.budget + 1e-9
    place = np.zeros(len(offer))
    for one in range(given.shape[1]):
        place[offer == one] = np.arange(1, int((offer == one).sum()) + 1)
    fits = cost & (place <= offers.stock[offer] + 1e-9)
    kept[person[fits], offer[fits]] = True
    return kept


def _fill(offers: Offers, given: Flags) -> None:
    """Give what is left to whom it brings the most for its cost."""
    stock = offers.stock - given.sum(axis=0)
    contacts = offers.contacts - given.sum(axis=1)
    budget = offers.budget - float(offers.cost[given].sum())
    open_ = (offers.value > 0) & ~given & (contacts > 0)[:, None] & (stock >= 1) & (offers.cost <= budget)
    person, offer = np.nonzero(open_)
    worth = offers.value[person, offer] / np.maximum(offers.cost[person, offer], 1e-9)
    for index in np.argsort(-worth, kind="stable")[:10_000]:
        who, what = person[index], offer[index]
        if contacts[who] > 0 and stock[what] >= 1 and offers.cost[who, what] <= budget:
            given[who, what] = True
            contacts[who] -= 1
            stock[what] -= 1
            budget -= float(offers.cost[who, what])
