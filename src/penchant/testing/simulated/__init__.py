"""A simulated shop in which the truth is known: what each person likes at any moment, and what changed when.

Tastes drift, have seasons, follow a fashion that passes and change at a shock; new items arrive; an interest
sleeps and returns. How well a model follows can therefore be measured instead of guessed:

>>> import numpy as np
>>> shop = SimulatedShop(SimulatedSettings(people=100, items=200, interests=8, events=2_000))
>>> histories = shop.draw()
>>> people, now = np.arange(100), shop.taste.edges[-2]
>>> truth = shop.probabilities(people, now)
>>> popular = np.tile(np.bincount(histories.before(now).items, minlength=200).astype(np.float32), (100, 1))
>>> bool(expected_ndcg(truth, truth).mean() > 4 * expected_ndcg(truth, popular).mean())
True
"""

from penchant.testing.simulated.goods import Goods
from penchant.testing.simulated.measures import expected_ndcg, tracking_error
from penchant.testing.simulated.oracle import Oracle, still_wanted
from penchant.testing.simulated.poison import Poisoned, poisoned
from penchant.testing.simulated.records import event_records, item_id, item_records, user_id
from penchant.testing.simulated.settings import Shock, SimulatedSettings
from penchant.testing.simulated.shop import SimulatedShop
from penchant.testing.simulated.taste import Taste

__all__ = [
    "Goods",
    "Oracle",
    "Poisoned",
    "Shock",
    "SimulatedSettings",
    "SimulatedShop",
    "Taste",
    "event_records",
    "expected_ndcg",
    "item_id",
    "item_records",
    "poisoned",
    "still_wanted",
    "tracking_error",
    "user_id",
]
