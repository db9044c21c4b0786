"""What the verbs of prices, stock and campaigns made, put into a shop's queue."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from penchant.app.deciding import DecisionDesk, checksums, new_id, price_now
from penchant.app.shop import Shop
from penchant.catalog.prices import lowest
from penchant.decide.approval import Person
from penchant.decide.campaigns.plan import Planned, Wanted
from penchant.decide.prices.suggest import Limits, Suggestion
from penchant.decide.proposals import of_campaign, of_orders, of_prices, offers_of
from penchant.decide.stock.orders import Orders, Terms
from penchant.decide.tables import read_table
from penchant.types import Pseudonym


class Proposing(NamedTuple):
    """Which shop, who asks, and the files that it was made of."""

    shop: Path
    by: str
    files: tuple[Path | None, ...]


def propose_prices(asked: Proposing, found: Sequence[Suggestion], limits: Limits) -> list[str]:
    """Ids of the prices that wait for approval from now on."""
    settings = {name: getattr(limits, name) for name in Limits.__dataclass_fields__}
    with Shop(asked.shop, writer=False) as shop:
        items = shop.items.many([one.item for one in found])
        now = {
            name: price_now(shop, name, item.price) for name, item in items.items() if item.price is not None
        }
        made = of_prices(
            found,
            new_id,
            now=now,
            lowest=partial(_lowest, shop),
            inputs=checksums(*asked.files),
            settings=settings,
        )
        return DecisionDesk(shop).queue.propose(made, Person(asked.by))


def propose_orders(asked: Proposing, found: Orders, terms: Terms) -> list[str]:
    """Ids of the orders that wait for approval from now on."""
    settings = msgspec.to_builtins(terms)
    with Shop(asked.shop, writer=False) as shop:
        made = of_orders(found.orders, new_id, inputs=checksums(*asked.files), settings=settings)
        return DecisionDesk(shop).queue.propose(made, Person(asked.by))


def propose_campaign(asked: Proposing, found: Planned, wanted: Wanted, name: str, people: Path) -> list[str]:
    """Id of the campaign, where it waits from now on; who gets what is kept with it, by pseudonym.

    Whoever opted out of being profiled gets nothing. Raises InvalidInput where ``people`` has no ``user_id``
    for each row of the plan.
    """
    settings = {one: getattr(wanted, one) for one in Wanted.__dataclass_fields__}
    with Shop(asked.shop, writer=False) as shop:
        known = _people(shop, people)
        made = of_campaign(found, name, new_id, inputs=checksums(*asked.files, people), settings=settings)
        offers = offers_of(found, known, shop.consent.opted_out(), shop.clock())
        return DecisionDesk(shop).queue.propose([made], Person(asked.by), {made.id: offers})


def _lowest(shop: Shop, item: str) -> float | None:
    return lowest(shop.items.prices(item), shop.clock())


def _people(shop: Shop, path: Path) -> list[Pseudonym | None]:
    """Of each row of the file, in its order; None where none can be read."""
    table = read_table(path, ["user_id"])
    found: list[Pseudonym | None] = [None] * (table.rows + len(table.lost))
    for place, name in zip(table.places().tolist(), table.names("user_id", "the people"), strict=True):
        found[place] = None if name is None else shop.pseudonymizer.pseudonym(name)
    return found
