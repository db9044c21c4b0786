"""The quick look at a body's bytes finds every body that holds a long text."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.serve.limits import longest_text, may_hold_text

TEXTS = st.text(st.sampled_from('a"'), max_size=9) | st.text(st.sampled_from('ab"\\/\n:,{ü☃'), max_size=9)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: TEXTS | st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(VALUES, st.integers(1, 8), st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_long_text_is_overlooked(value, limit: int, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert may_hold_text(raw, limit) or longest_text(value) <= limit


def test_many_short_texts_need_no_look_at_each() -> None:
    assert not may_hold_text(json.dumps([{"item_id": "tea", "value": 1}] * 500).encode(), 16)
