"""Groups of the catalogue's items are read where the catalogue is, not while somebody waits for a list."""

from pathlib import Path

import pytest
from tests.serve.shops import behind_the_door, make_shop


def test_a_list_after_new_items_reads_no_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_shop(tmp_path / "shop")
    with (folder / "shop.toml").open("a", encoding="utf-8") as file:
        file.write('\n[variety]\nattribute = "seller"\nfloors = {south = 0.5}\n')
    client, serving = behind_the_door(folder)
    try:
        catalog, read = serving.shop.catalog, list[str]()
        many = catalog.many
        monkeypatch.setattr(catalog, "many", lambda ids: read.extend(ids) or many(ids))
        items = [{"item_id": "fresh", "title": "Fresh", "seller": "south"}]
        assert client.put("/v1/items", json={"items": items}).status_code == 200
        assert "fresh" in read
        read.clear()
        shown = client.get("/v1/users/anna/recommendations", params={"n": 2, "placement": "home"}).json()
        assert "fresh" in [one["item_id"] for one in shown["items"]]
        assert read == []
        # Another process may have read a feed: the watch hears of it.
        assert client.request("DELETE", "/v1/items", json={"item_ids": ["fresh"]}).status_code == 200
        serving.engine.look()
        assert read == ["fresh"]
    finally:
        serving.close()
