"""What the console is given of a person."""

import numpy as np
from tests.recommend.stores import House

from penchant.app.showing import recent_baskets
from penchant.types import EventType


def test_searches_and_messages_are_shown_with_their_words() -> None:
    house = House(np.eye(2, dtype=np.float32))
    house.does("p", None, kind=EventType.SEARCH, at=1.0, query="oat milk", session_id="s")
    house.does("p", None, kind=EventType.SEARCH, at=2.0, query="soy milk", session_id="s")
    house.does("p", None, kind=EventType.MESSAGE, at=3.0, text="word " * 100)
    house.does("p", "i0", kind=EventType.VIEW, at=4.0)
    view, message, search = recent_baskets(house.catalog, house.log.of_user("p"))
    assert (view["texts"], [item["item_id"] for item in view["items"]]) == ([], ["i0"])
    assert search["texts"] == ["soy milk", "oat milk"]
    assert message["texts"][0].startswith("word word")
    assert len(message["texts"][0]) == 200


def test_a_long_message_without_spaces_is_shown_up_to_its_cut() -> None:
    house = House(np.eye(2, dtype=np.float32))
    house.does("p", None, kind=EventType.MESSAGE, at=1.0, text="牛" * 201)
    house.does("p", None, kind=EventType.SEARCH, at=2.0, query="茶" * 200)
    search, message = recent_baskets(house.catalog, house.log.of_user("p"))
    assert message["texts"] == ["牛" * 199 + "…"]
    assert search["texts"] == ["茶" * 200]
