"""A small shop under rules of the house."""

import numpy as np
from tests.recommend.stores import House

from penchant.adapters.zen_rules import ZenRules
from penchant.events.attributes import ConsentedAttributes
from penchant.recommend.rules.compiled import compiled
from penchant.recommend.rules.document import document_of
from penchant.recommend.rules.force import RulesInForce
from penchant.recommend.search import Search
from penchant.recommend.similar import SimilarItems
from penchant.types import Item

ENGINE = ZenRules()


def row(name, action, amount="", **cells):
    """A rule as the table has it: texts of its output columns are quoted here."""
    quoted = {key: f'"{cells.pop(key)}"' for key in ("per", "starts", "ends") if key in cells}
    return {"rule": f'"{name}"', "action": f'"{action}"', "amount": str(amount), **quoted, **cells}


def rules_of(*rows):
    return compiled(document_of(list(rows)), ENGINE)


class RuledHouse(House):
    """The one of ``stores``, whose ``force`` gives the rules."""

    def __post_init__(self):
        super().__post_init__()
        of = ConsentedAttributes(self.attributes, self.consent).attributes_of
        self.force = RulesInForce(self.catalog, of)
        self.recommender._rules = self.force
        self.similar = SimilarItems(self.catalog, lambda: self.tracker, rules=self.force)
        self.search = Search(self.catalog, lambda person: self.tracker, rules=self.force)
        self.version = 0

    def under(self, *rows):
        self.version += 1
        self.force.use(self.version, rules_of(*rows))
        return self


def house(count=12, **more):
    """``count`` items in a row of tastes: i0 is most like what anna bought, the last one least."""
    angle = np.linspace(0, np.pi / 2, count)
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    items = more.pop("items", None) or [
        Item(item_id=f"i{n}", title=f"thing {n}", category=f"c{n % 3}", brand=f"b{n % 2}", price=float(n))
        for n in range(count)
    ]
    made = RuledHouse(vectors, items=items, **more)
    made.does("anna", "i0")
    return made
