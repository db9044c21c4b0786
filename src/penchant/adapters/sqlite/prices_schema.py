"""The table of prices: one row for each change of an item's price, the first of those of before without a
time."""

PRICES = """
    CREATE TABLE prices (
        number INTEGER PRIMARY KEY AUTOINCREMENT, item_id TEXT NOT NULL, time REAL, price REAL
    );
    CREATE INDEX prices_of_item ON prices (item_id, number);
    INSERT INTO prices (item_id, time, price)
        SELECT item_id, NULL, json_extract(CAST(content AS TEXT), '$.price') FROM items
        WHERE json_extract(CAST(content AS TEXT), '$.price') IS NOT NULL;
"""
