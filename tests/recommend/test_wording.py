import pytest

from penchant.catalog.view import view_of
from penchant.recommend.wording import Shared, language_of, shared_with, words
from penchant.types import Item, Reason

KINDS = ["bought-again", "looked-at", "because-of", "about-you", "similar", "popular", "rule"]


def view(*items):
    return view_of(1, [item.item_id for item in items], dict(enumerate(items)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_reason_has_words_of_its_own_in_both_languages(kind):
    reason = Reason(kind=kind, items=("Milk",) if kind in ("because-of", "similar") else (), count=2)
    english, chinese = (words(reason, str, language) for language in ("en", "zh"))
    others = {words(Reason(kind=other, count=2), str) for other in KINDS if other != kind}
    assert english not in others
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in english)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
    assert ("Milk" in english) == ("Milk" in chinese) == bool(reason.items)


def test_what_is_shared_is_the_narrowest_that_holds():
    one = Item(item_id="a", title="Red clay pot", category="Garden > Pots > Clay", brand="Potter")
    brand = Item(item_id="b", title="Spade", category="Tools", brand="Potter")
    shelf = Item(item_id="c", title="Steel pot", category="Garden > Pots > Steel", brand="Other")
    word = Item(item_id="d", title="Clay oven", category="Kitchen")
    none = Item(item_id="e", title="Blue jug", category="Kitchen")
    found = view(one, brand, shelf, word, none)
    because = {n: shared_with(Reason(kind="because-of", items=(n,)), "a", found) for n in "bcde"}
    assert because == {
        "b": Shared("brand", "Potter"),
        "c": Shared("category", "Pots"),
        "d": Shared("word", "clay"),
        "e": None,
    }
    assert shared_with(Reason(kind="because-of", items=("gone",)), "a", found) is None
    assert shared_with(Reason(kind="because-of"), "a", found) is None
    told = words(Reason(kind="because-of", items=("c",)), found.title_of, "en", because["c"])
    assert told == "Because of Steel pot: also in Pots"


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("zh", "en", "zh"),
        ("fr", "en", None),
        (None, "de, en-GB;q=0.7, zh;q=0.3", "en"),
        (None, "zh-Hans-CN", "zh"),
        (None, "en;q=none, zh;q=0.1", "zh"),
        (None, "", None),
        (None, "*", None),
    ],
)
def test_the_language_is_the_one_asked_for_or_accepted(asked, accepted, language):
    assert language_of(asked, accepted) == language
