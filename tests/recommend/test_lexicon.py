"""Words of a query find the items that hold them, as the catalogue is now."""

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from penchant.catalog.view import view_of
from penchant.recommend import lexicon as module
from penchant.recommend.lexicon import Lexicon
from penchant.recommend.spelling import Vocabulary, edits_of
from penchant.recommend.terms import terms_of
from penchant.types import Item


def view(*items, version=1):
    return view_of(version, [item.item_id for item in items], dict(enumerate(items)))


def of(*items):
    made, seen = Lexicon(), view(*items)
    made.follow(seen)
    return lambda query: made.match(query, len(seen))


def titled(*titles):
    return of(*(Item(item_id=f"#{n}", title=title) for n, title in enumerate(titles)))


def best(scores):
    assert scores.max() > 0
    return int(scores.argmax())


def test_every_field_is_found_and_a_title_says_most():
    match = of(
        Item(item_id="AB-1", title="red candle"),
        Item(item_id="AB-2", title="blue bowl", brand="Candle"),
        Item(item_id="AB-3", title="blue bowl", category="Home > Candle"),
        Item(item_id="AB-4", title="blue bowl", attributes={"scent": "candle", "new": True, "weight": 480}),
        Item(item_id="AB-5", title="blue bowl"),
    )
    scores = match("candle")
    assert scores[0] > scores[2] > scores[3] > scores[4] == 0
    assert scores[1] > scores[2]
    assert best(match("480")) == 3
    assert best(match("ab-5")) == 4
    assert best(match("blue candle")) == 1


def test_rare_words_say_more_and_all_are_a_share_of_what_could_be():
    match = titled("oil lamp", "oil can", "oil rig", "oil lamp oil lamp")
    assert best(match("oil rig")) == 2
    scores = match("oil rig zzzzz")
    assert 0 < scores[2] < match("oil rig")[2] < 1


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("shampo", 0), ("shmapoo", 0), ("shampooo", 0), ("shanpoo", 0), ("shampoos", 0),
        ("conditoinre", 1), ("conditionor", 1), ("conditioners", 1), ("créme", 2), ("CREME", 2),
        ("brushes", 3), ("brsuh", 3),
    ],
)  # fmt: skip
def test_mistyped_words_are_found(typed, found):
    match = titled("shampoo", "conditioner", "crème", "brush", "sham", "condition")
    assert best(match(f"{typed} ")) == found


@pytest.mark.parametrize("typed", ["oli", "15mk", "shxxpoo", "cinditoinre"])
def test_short_words_codes_and_other_words_are_not_guessed(typed):
    assert not titled("oil", "15ml", "shampoo", "conditioner")(f"{typed} ").any()


def test_as_it_is_written_comes_before_what_is_near():
    match = titled("pearl ring", "pears", "pear")
    scores = match("pear ")
    assert scores[1] == scores[2] > 0 == scores[0], "a known word is what it is"
    crowd = titled(*["shampoo"] * 40, "shampo")
    scores = crowd("shampo ")
    assert best(scores) == 40
    assert scores[0] > 0, "one item may have it wrong"


def test_the_word_being_typed_matches_as_a_beginning_and_no_other_does():
    match = titled("polish remover", "police badge", "polo shirt")
    assert (match("pol") > 0).all()
    assert (match("poli") > 0).tolist() == [True, True, False]
    assert best(match("remover poli")) == 0
    assert not match("pol ").any(), "a space ends the word"
    assert not match("p").any()
    whole = titled("car wax", "carpet", "cartoon")("car")
    assert best(whole) == 0
    assert (whole > 0).all()
    assert best(titled("candles", "cans")("candles")) == 0


TEAS = {
    "绿茶": [0, 2], "茶": [0, 1, 2], "绿茶杯": [2, 0], "杯": [2], "ＴＥＡ": [3], "グリーン": [4],
    "绿茶tea": [3, 0, 2],
}  # fmt: skip


@pytest.mark.parametrize(("query", "found"), TEAS.items())
def test_words_without_spaces_between_them(query, found):
    scores = titled("绿茶", "红茶", "绿茶杯子", "tea", "グリーンティー")(query)
    assert set(np.flatnonzero(scores)) >= set(found)
    assert best(scores) in found[:2]
    if query == "绿茶":
        assert scores[1] == 0, "one letter of two is another tea"


def test_what_nobody_could_mean_is_nothing():
    match = titled("the cat", "the hat", "the bat")
    for query in ("", " \t", "!!! ??", "\x00\x1b[2J", "💅", "\ud800", "'; DROP TABLE items --"):
        assert not match(query).any(), query
    assert (match("the ") > 0).all(), "words that all have find all"
    long = match("the " * 50_000 + "x" * 50_000)
    assert (long > 0).all()
    assert best(match(" ".join([*(f"w{n}" for n in range(30)), "hat"]))) == 1
    assert not match(" ".join([*(f"w{n}" for n in range(module.MOST_WORDS)), "hat"])).any()


WORD = st.sampled_from(["tea", "teas", "pot", "potion", "绿茶", "茶", "green", "greed", "lamp"])
TEXT = st.lists(WORD, max_size=4).map(" ".join)
CHANGE = st.tuples(st.integers(0, 7), TEXT, st.sampled_from(["", "Brand", "Tea"]), st.booleans())


@given(st.lists(st.lists(CHANGE, max_size=5), min_size=1, max_size=6), TEXT)
def test_followed_through_changes_it_is_as_if_read_at_once(rounds, query):
    follows, now, ids = Lexicon(), {}, [f"#{n}" for n in range(8)]
    whole = view_of(0, ids, {})
    for number, changes in enumerate(rounds, start=1):
        told = {
            row: None if gone else Item(item_id=ids[row], title=title, brand=brand)
            for row, title, brand, gone in changes
        }
        now.update(told)
        whole = whole.patched(number, (), told)
        if number % 2 or number == len(rounds):  # Some versions are never seen.
            follows.follow(whole)
    anew = Lexicon()
    anew.follow(view_of(1, ids, {row: item for row, item in now.items() if item is not None}))
    np.testing.assert_allclose(follows.match(query, 8), anew.match(query, 8), atol=1e-6)


def test_after_an_error_it_reads_all_again(monkeypatch):
    follows, first = Lexicon(), view(Item(item_id="a", title="tea"), Item(item_id="b", title="pot"))
    taken = Lexicon._take_in
    monkeypatch.setattr(Lexicon, "_take_in", lambda self, view, row: taken(self, view, row) if row else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        follows.follow(first)
    monkeypatch.setattr(Lexicon, "_take_in", taken)
    follows.follow(first)
    assert best(follows.match("tea", 2)) == 0
    assert best(follows.match("pot", 2)) == 1


WORDS = st.text(alphabet=string.ascii_lowercase[:6] + "é茶", min_size=1, max_size=12)


@given(st.lists(WORDS, unique=True, max_size=40), WORDS, st.integers(1, 2))
def test_near_words_are_those_of_a_full_comparison(words, asked, edits):
    known = Vocabulary()
    for word in words:
        known.number(word)
    far = {n: OSA.distance(asked, word) for n, word in enumerate(words)}
    expected = {n: distance for n, distance in far.items() if 0 < distance <= edits}
    found = known.near(asked, edits)
    assert len(found) == min(len(expected), 16)
    assert all(expected[number] == distance for number, distance in found)
    assert [distance for _, distance in found] == sorted(expected.values())[:16]


@given(st.lists(WORDS, max_size=30), WORDS)
def test_beginnings_are_those_of_a_full_comparison(words, start):
    known = Vocabulary()
    for word in words[: len(words) // 2]:
        known.number(word)
    known.beginning(start)
    numbers = {known.number(word): word for word in words}
    expected = {number for number, word in numbers.items() if word.startswith(start)}
    assert set(known.beginning(start)) == expected


@given(st.text(max_size=60))
def test_any_text_has_terms(text):
    terms = terms_of(text)
    assert all(terms)
    assert all(edits_of(term) in (0, 1, 2) for term in terms)
