"""A click in the console of a real shop joins the list that was shown."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shops


def test_a_click_in_the_console_is_joined_to_its_list_and_place(tmp_path: Path) -> None:
    client, serving = shops.behind_the_door(shops.make_shop(tmp_path / "shop"))
    try:
        client.get(f"/console?token={serving.console_token}")
        home = f"/console/people/{serving.shop.pseudonymizer.pseudonym('anna')}"
        page = client.get(home).text
        shown = re.search(r'data-shown="([^"]+)"', page)
        assert shown is not None
        items = re.findall(r'<li class="item" data-item="([^"]+)"', page)
        token = page.split('name="csrf" content="')[1].split('"')[0]
        body = {"item_id": items[2], "type": "view", "recommendation_id": shown[1], "position": 2}
        after = client.post(f"{home}/events", json=body, headers={"x-csrf-token": token}).json()
        assert after["recommendation_id"] != shown[1]
        assert serving._engine.writer.flush(5)
        (joined,) = serving.shop.impressions.joined(shown[1])
        assert (joined.event.item_id, joined.event.position) == (items[2], 2)
        logged = serving.shop.impressions.get(shown[1])
        assert logged is not None
        assert logged.items[2].item_id == items[2]
    finally:
        serving.close()
