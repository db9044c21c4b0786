"""Each input finds the pattern that is planted in it, and nothing where it is switched off."""

from dataclasses import replace

import numpy as np
import pytest

from penchant.errors import InvalidInput, SettingsError
from penchant.model.attributes import Vocabulary
from penchant.model.examples import moments
from penchant.model.histories import Histories, histories_of
from penchant.model.settings import INPUTS, ModelSettings
from penchant.model.tokens import DAY
from penchant.model.training import train
from penchant.types import EventType


def without(settings: ModelSettings, *names: str) -> ModelSettings:
    return replace(settings, inputs="+".join(name for name in INPUTS if name not in names))


def found(data: Histories, settings: ModelSettings, n_items: int, **given) -> float:
    return train(data, None, settings, n_items=n_items, **given).report["validation"]


def timed(rng, item_of) -> Histories:
    """Everybody comes at odd times; what they buy is drawn from the four items that ``item_of`` times."""
    data = histories_of([[0] * 8 for _ in range(150)])
    steps = rng.uniform(0.2, 6.0, data.events) * DAY
    times = np.concatenate([np.cumsum(part) for part in np.split(steps, data.offsets[1:-1])])
    items = 4 * item_of(times) + rng.integers(0, 4, data.events)
    return replace(data, times=times, items=items.astype(np.int32))


def test_what_is_bought_on_which_weekday(rng, small) -> None:
    data = timed(rng, lambda times: (times // DAY).astype(int) % 7)
    assert found(data, small, 28) > 0.45
    assert found(data, without(small, "clock"), 28) < 0.3


def test_what_is_bought_at_which_hour(rng, small) -> None:
    data = timed(rng, lambda times: (times // 14_400).astype(int) % 6)
    assert found(data, small, 24) > 0.45
    assert found(data, without(small, "clock"), 24) < 0.3


def test_what_is_bought_after_a_long_pause(rng, small) -> None:
    """Two events each: what is remembered of one says nothing of the pause after it."""
    long = rng.random(500) < 0.5
    first = rng.uniform(0, 400, 500)
    times = np.stack([first, first + np.where(long, 20, 0.5) * rng.uniform(0.8, 1.2, 500)], 1).ravel()
    data = histories_of([[0, int(1 + 3 * late + rng.integers(3))] for late in long])
    data = replace(data, times=times * DAY)
    assert found(data, small, 7) > 0.65
    assert found(data, without(small, "clock"), 7) < 0.6


def dear_and_cheap(rng) -> tuple[Histories, np.ndarray]:
    """Half of the people buy the 20 cheap items, half the 20 dear ones; 40 are never sold."""
    prices = np.concatenate([rng.uniform(1, 5, 20), rng.uniform(50, 90, 20), rng.uniform(1, 90, 40)])
    dear = prices > 40
    rows = []
    for person in range(240):
        mine = np.flatnonzero(dear == person % 2)
        rows.append(rng.choice(mine[mine < 40], 6, replace=False).tolist())
    return histories_of(rows), prices.astype(np.float32)


def test_what_a_never_sold_item_costs_tells_who_may_want_it(rng, small) -> None:
    data, prices = dear_and_cheap(rng)
    asked = moments(np.arange(2), data.offsets[1:3], np.full(2, 30 * DAY))

    def share(settings: ModelSettings) -> float:
        model = train(data, None, settings, n_items=80, prices=prices)
        _, scores = next(model.score_blocks(data, asked))
        apart = (scores[1] - scores[0])[40:]
        return float(np.corrcoef(apart, prices[40:] > 40)[0, 1]) if apart.any() else 0.0

    assert share(small) > 0.8
    assert share(without(small, "price")) == 0


def test_what_is_bought_after_the_first_look_of_a_session(rng, small) -> None:
    """The last of six looks is the first of its session or not; other signs of time are off or the same."""
    again = rng.random(240) < 0.5
    rows = [[*rng.integers(0, 10, 6).tolist(), int(10 + 4 * late + rng.integers(4))] for late in again]
    data = histories_of(rows)
    gaps = rng.choice([10, 40], (240, 7)) * 60.0
    gaps[:, 5], gaps[:, 6] = np.where(again, 40, 10) * 60, 600
    times = (rng.uniform(0, 100, (240, 1)) * DAY + gaps.cumsum(1)).ravel()
    view, buy = EventType.VIEW.code, EventType.PURCHASE.code
    data = replace(data, times=times, types=np.where(data.items < 10, view, buy).astype(np.int8))
    settings = replace(small, max_epochs=10)
    assert found(data, without(settings, "gaps", "clock"), 18) > 0.6
    assert found(data, without(settings, "gaps", "clock", "sessions"), 18) < 0.55


def newcomers(rng, group) -> Histories:
    """All buy item 0 first, and then one of the 8 items of their group (P,)."""
    return histories_of([[0, int(1 + 8 * mine + rng.integers(8))] for mine in group])


def test_what_people_of_a_country_buy_first(rng, small) -> None:
    group = rng.integers(0, 4, 400)
    data = newcomers(rng, group)
    people = [{"country": "ABCD"[mine], "name": f"n{n}"} for n, mine in enumerate(group)]
    assert found(data, small, 33, attributes=people) > 0.45
    assert found(data, without(small, "attributes"), 33, attributes=people) < 0.3
    # Others are not known half of the time, which is how a stranger is learned.
    dropped = replace(small, dropout=0.5)
    assert found(data, dropped, 33, attributes=people) > 0.45


def test_numbers_are_known_by_their_tenths(rng, small) -> None:
    age = rng.integers(18, 98, 400)
    data = newcomers(rng, age > 58)
    people = [{"age": str(n)} for n in age]
    assert found(data, small, 17, attributes=people) > 0.45
    assert found(data, small, 17) < 0.4


def test_what_few_people_have_has_no_word() -> None:
    people = [{"city": "Bonn", "name": "Ann", "zip": ""} for _ in range(4)] + [
        {"city": "Bonn", "name": "Eve"}
    ]
    known = Vocabulary.of(people)
    assert known.words == ["city=Bonn"]
    assert known.table([*people[:1], {}, {"city": "Ulm", "shoe": "44"}]).tolist() == [[0], [1], [1]]


def test_numbers_that_are_few_stay_what_they_are_and_others_are_cut() -> None:
    few = Vocabulary.of([{"kids": str(n % 3)} for n in range(30)])
    assert few.words == ["kids=0", "kids=1", "kids=2"]
    many = Vocabulary.unpacked(Vocabulary.of([{"age": str(n)} for n in range(100)]).packed())
    assert many.words == sorted(f"age=tenth {n}" for n in range(1, 11))
    assert [many.rows({"age": age}) for age in ("old", "", "nan")] == [[], [], []]
    assert [many.words[many.rows({"age": age})[0]] for age in ("-5", "1e9")] == [
        "age=tenth 1",
        "age=tenth 10",
    ]


def test_one_word_among_numbers_does_not_make_them_words() -> None:
    odd = Vocabulary.of([{"income": str(n) if n else "n/a"} for n in range(100)])
    assert len(odd.words) == 10
    some = Vocabulary.of([{"income": str(n) if n % 4 else "n/a"} for n in range(100)])
    assert some.words == ["income=n/a"]


def test_borders_are_nobody_s_own_number() -> None:
    few = Vocabulary.of([{"income": str(30_000 + 137 * n)} for n in range(30)])
    assert (few.words, few.borders) == ([], {})
    many = Vocabulary.of([{"income": str(30_123.45 + 1_371 * n)} for n in range(60)])
    assert all(border == float(f"{border:.2g}") for border in many.borders["income"])


def test_numbers_beyond_all_measure_are_no_numbers() -> None:
    people = [{"income": f"{sign}1.7e308"} for sign in ("", "-") for _ in range(20)]
    known = Vocabulary.of([*people, *({"income": str(n)} for n in range(60))])
    assert Vocabulary.unpacked(known.packed()).words == known.words


def test_of_very_many_words_the_commonest_are_known(monkeypatch) -> None:
    monkeypatch.setattr("penchant.model.attributes.MOST_WORDS", 2)
    people = [{"country": country} for country, count in (("A", 5), ("B", 9), ("C", 7)) for _ in range(count)]
    assert Vocabulary.of(people).words == ["country=B", "country=C"]


def test_attributes_that_are_switched_off_are_not_kept(rng, small) -> None:
    data = histories_of([rng.integers(0, 9, 6).tolist() for _ in range(30)])
    off = "+".join(word for word in INPUTS if word != "attributes")
    known = [{"country": "France"}] * data.people
    for inputs, words in ((off, []), ("+".join(INPUTS), ["country=France"])):
        settings = replace(small, inputs=inputs, max_epochs=1)
        model = train(data, None, settings, n_items=9, attributes=known)
        assert model.vocabulary.words == words


def test_attributes_of_other_people_are_refused(small) -> None:
    with pytest.raises(InvalidInput, match="of 2 people, the histories of 1"):
        train(histories_of([[1, 2]]), None, small, n_items=9, attributes=[{}, {}])


def test_prices_of_other_items_are_refused(small) -> None:
    with pytest.raises(InvalidInput, match="one for each of 9 items"):
        train(histories_of([[1, 2]]), None, small, n_items=9, prices=np.ones(8, np.float32))


def test_inputs_that_nobody_knows_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"inputs is made of types.*unknown: \['prise'\]"):
        ModelSettings(inputs="text+prise")
