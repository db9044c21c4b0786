"""A campaign from tables: who gets which offer, who is kept without, and what that should bring."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.decide.campaigns.allocate import Floats, Offers, allocate
from penchant.decide.programs import Solver
from penchant.decide.tables import Table, read_table
from penchant.errors import InvalidInput

CONTACTS: Final = "contacts"
"""Column of the people's table: offers that a person may get."""
_HEAD: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Limits of a campaign.

    Attributes:
        budget: of all offers' costs.
        contacts: offers that a person may get, where the table does not say.
        holdout: share of the people, drawn, who get nothing: by them it is known later what the campaign did.
        seed: of who they are.
    """

    budget: float
    contacts: int = 1
    holdout: float = 0.1
    seed: int = 0


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One offer: people who get it, what it costs, and what it should change and bring (cost taken off)."""

    offer: str
    people: int
    cost: float
    uplift: float
    value: float


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign.

    Attributes:
        people, held_out: how many, and how many of them get nothing by lot.
        budget, spent: of costs.
        value, bound: what it should bring, and what no plan within the limits can pass.
        forgone: what the held out would have brought at the mean of the others: the price of knowing.
        in_money: whether ``value`` is in money with costs taken off; else it is the outcome itself.
        offers: each one.
        given: of each row of the file, the offers; None of a row that could not be read.
        holdout: rows of the file, from 0, that were drawn to get nothing.
        costs_known: whether each offer that somebody gets has a cost; one without counts as free.
    """

    people: int
    held_out: int
    budget: float
    spent: float
    value: float
    bound: float
    forgone: float
    in_money: bool
    offers: list[Given]
    given: list[list[str] | None]
    holdout: list[int]
    costs_known: bool = True


def plan(people: Path, offers: Path, wanted: Wanted, solver: Solver) -> Planned:
    """Allocate offers to people.

    Args:
        people: JSON of ``penchant campaigns fit``, or a table with a column of uplift for each offer.
        offers: table with ``offer``, ``cost``, ``stock`` and ``value`` (money that one unit of the outcome is
            worth, of all offers or of none); only ``offer`` must be there.
        wanted: limits.
        solver: of linear programs.

    Raises:
        InvalidInput: a table or a limit cannot be used.
    """
    if not (0 <= wanted.holdout < 1 and wanted.budget >= 0 and wanted.contacts >= 0):
        raise InvalidInput("budget and contacts are 0 or more, and the holdout is a share below 1")
    table = read_table(offers)
    names = _names(table)
    _worth_all_or_none(table, names)
    rows, uplift, contacts = _uplift(people, names, wanted.contacts)
    cost = np.broadcast_to(_numbers(table, "cost", 0.0), uplift.shape)
    in_money = _holds(table, "value")
    value = uplift * _numbers(table, "value", 1.0) - (cost if in_money else 0.0)
    chosen = np.random.default_rng(wanted.seed).permutation(len(uplift))
    holdout = np.sort(chosen[: round(wanted.holdout * len(uplift))])
    contacts[holdout] = 0
    stock = _numbers(table, "stock", np.inf)
    found = allocate(Offers(value, cost, stock, contacts, wanted.budget), solver, wanted.seed)
    given = found.given
    each = [
        Given(
            offer=name, people=int(given[:, at].sum()), cost=float(cost[given[:, at], at].sum()),
            uplift=float(uplift[given[:, at], at].sum()), value=float(value[given[:, at], at].sum()),
        )
        for at, name in enumerate(names)
    ]  # fmt: skip
    reached = max(len(uplift) - len(holdout), 1)
    return Planned(
        people=len(uplift),
        held_out=len(holdout),
        budget=wanted.budget,
        spent=found.spent,
        value=found.value,
        bound=found.bound,
        forgone=found.value / reached * len(holdout),
        in_money=in_money,
        offers=each,
        given=_in_places(rows, [[names[at] for at in np.flatnonzero(row)] for row in given]),
        holdout=np.flatnonzero(rows)[holdout].tolist(),
        costs_known=not np.isnan(_numbers(table, "cost", np.nan))[given.any(axis=0)].any(),
    )


def _in_places(rows: NDArray[np.bool_], given: list[list[str]]) -> list[list[str] | None]:
    made: list[list[str] | None] = [None] * len(rows)
    for place, offers in zip(np.flatnonzero(rows).tolist(), given, strict=True):
        made[place] = offers
    return made


def _worth_all_or_none(table: Table, names: list[str]) -> None:
    """Money and units of the outcome cannot be added up."""
    if _holds(table, "value"):
        values = table.number("value", "the offers' value")
        absent = [name for name, value in zip(names, values, strict=True) if np.isnan(value)]
        if absent:
            raise InvalidInput(
                f"{table.name}: no value of offer {', '.join(map(repr, absent[:5]))}; give that of every "
                "offer, or of none"
            )


def _holds(table: Table, name: str) -> bool:
    return name in table.columns and table.columns[name].kind != "empty"


def _names(table: Table) -> list[str]:
    names = [name for name in table.names("offer", "the offers' names") if name is not None]
    if len(names) != table.rows or len(set(names)) != len(names):
        raise InvalidInput(f"{table.name}: each offer needs a name of its own in column 'offer'")
    return names


def _numbers(table: Table, name: str, absent: float) -> Floats:
    if not _holds(table, name):
        return np.full(table.rows, absent)
    values = table.number(name, f"the offers' {name}")
    return np.where(np.isnan(values), absent, values)


class _People(NamedTuple):
    """Which rows of the file could be read, and of these n the (n, o) uplift and (n,) most offers."""

    rows: NDArray[np.bool_]
    uplift: Floats
    contacts: NDArray[np.int64]


def _uplift(path: Path, names: list[str], contacts: int) -> _People:
    if _is_fitted(path):
        columns = _of_fitted(path, names)
        rows = np.asarray(~np.isnan(columns).any(axis=1), np.bool_)
        return _People(rows, columns[rows], np.full(int(rows.sum()), contacts))
    table = read_table(path, [*names, CONTACTS])
    each = np.column_stack([table.number(name, "the uplift of an offer of that name") for name in names])
    if np.isnan(each).any():
        raise InvalidInput(f"{path.name}: row {int(np.isnan(each).any(axis=1).argmax()) + 1} has no uplift")
    rows = np.ones(table.rows + len(table.lost), np.bool_)
    rows[list(table.lost)] = False
    if not _holds(table, CONTACTS):
        return _People(rows, each, np.full(table.rows, contacts))
    limits = table.number(CONTACTS, "offers that a person may get")
    return _People(rows, each, np.where(np.isnan(limits), contacts, np.maximum(limits, 0)).astype(np.int64))


def _is_fitted(path: Path) -> bool:
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return head.split()[:2] == [b"{", b'"rows":']


def _of_fitted(path: Path, names: list[str]) -> Floats:
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        uplift, arms = found["uplift"], [arm["treatment"] for arm in found["arms"]]
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path.name}: not written by `penchant campaigns fit`: {error}") from error
    if uplift is None:
        raise InvalidInput(f"{path.name}: it holds no uplift, as no offer was given by chance")
    by_name = uplift if isinstance(uplift, dict) else {arms[0]: uplift}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise InvalidInput(
            f"{path.name}: no uplift of offer {missing[0]!r}; the trial had: {', '.join(by_name)}. "
            f"Name offers so."
        )
    return np.column_stack([np.asarray(by_name[name], np.float64) for name in names])


def words(found: Planned) -> str:
    """The plan in plain words."""
    what = "money, costs taken off" if found.in_money else "units of the outcome"
    lines = [
        f"{found.people:,} people, of whom {found.held_out:,} get nothing by lot",
        f"expected to bring {found.value:,.2f} ({what}); no plan brings more than {found.bound:,.2f}",
        f"costs {found.spent:,.2f} of {found.budget:,.2f}",
    ]
    lines += [
        f"  {one.offer}: {one.people:,} people, costs {one.cost:,.2f}, should change the outcome by "
        f"{one.uplift:,.2f}"
        for one in found.offers
    ]
    if found.held_out:
        lines.append(
            f"Those who get nothing would have brought about {found.forgone:,.2f}. They are why you "
            f"will know what "
            "the campaign did: compare them afterwards with those who would have got an offer."
        )
    else:
        lines.append("! Nobody is kept without: nobody will be able to say what this campaign did.")
    return "\n".join(lines)
