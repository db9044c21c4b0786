"""Reasons in words that a shopper reads, in each language that is known."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from penchant.catalog.view import LEVEL, CatalogView
from penchant.catalog.words import words_of
from penchant.types import Reason

Language = Literal["en", "zh"]

LONG = 4
"""Letters of a word of two titles that says what they share."""


class Shared(msgspec.Struct, frozen=True):
    """An attribute that an item and one of the past have both: ``kind`` is brand, category or word."""

    kind: Literal["brand", "category", "word"]
    name: str


class _Words(NamedTuple):
    """``{}`` stands for names of items, a number, or a name."""

    once: str
    often: str
    looked: str
    because: str
    whole: str
    about: str
    similar: str
    alike: str
    rule: str
    tried: str
    followed: str
    popular: str
    shared: Mapping[str, str]
    comma: str
    last: str


_WORDS: Mapping[Language, _Words] = {
    "en": _Words(
        once="You bought it once before",
        often="You bought it {} times before",
        looked="You looked at it before",
        because="Because of {}",
        whole="Fits your taste as a whole",
        about="Fits what the shop knows of you",
        similar="Similar to {}",
        alike="Similar",
        rule="Placed here by the shop",
        tried="Something new to you, to learn what you like",
        followed="Taken by people you follow",
        popular="Popular these days",
        shared={"brand": "{}: also by {}", "category": "{}: also in {}", "word": "{}: both say “{}”"},
        comma=", ",
        last=" and ",
    ),
    "zh": _Words(
        once="您以前买过一次",
        often="您以前买过 {} 次",
        looked="您以前看过",
        because="因为您选过{}",
        whole="符合您的整体喜好",
        about="符合商店对您的了解",
        similar="与{}相似",
        alike="相似商品",
        rule="由商店安排在此",
        tried="为了解您的喜好，试着推荐给您",
        followed="您关注的人选了它",
        popular="近期热门",
        shared={
            "brand": "{}：同属品牌“{}”",
            "category": "{}：同属类别“{}”",
            "word": "{}：名称都含“{}”",
        },
        comma="、",
        last="和",
    ),
}


def words(
    reason: Reason, title: Callable[[str], str], language: Language = "en", shared: Shared | None = None
) -> str:
    """A reason in plain words; ``title`` gives the name of an item id, ``shared`` what an item has in common
    with the first one that is named.

    >>> words(Reason(kind="bought-again", count=2), str)
    'You bought it 2 times before'
    >>> words(Reason(kind="because-of", items=("Milk", "Bread")), str)
    'Because of Milk and Bread'
    >>> words(Reason(kind="because-of", items=("Milk", "Bread")), str, "zh")
    '因为您选过Milk和Bread'
    >>> words(Reason(kind="because-of", items=("Milk",)), str, shared=Shared("brand", "Cow"))
    'Because of Milk: also by Cow'
    """
    said = _WORDS[language]
    named = _listed([title(item) for item in reason.items], said)
    if reason.kind == "bought-again":
        return said.once if reason.count == 1 else said.often.format(reason.count)
    if reason.kind == "because-of":
        because = said.because.format(named) if named else said.whole
        return said.shared[shared.kind].format(because, shared.name) if shared and named else because
    if reason.kind == "similar":
        return said.similar.format(named) if named else said.alike
    plain = {
        "looked-at": said.looked, "about-you": said.about, "rule": said.rule, "tried": said.tried,
        "followed": said.followed,
    }  # fmt: skip
    return plain.get(reason.kind, said.popular)


def shared_with(reason: Reason, item_id: str, view: CatalogView) -> Shared | None:
    """What an item and the first one that its reason names have in common; None where that is nothing."""
    rows = [view.row(one) for one in (item_id, *reason.items[:1])]
    if reason.kind != "because-of" or len(rows) < 2 or min(rows) < 0:
        return None
    one, other = rows
    if view.brand[one] >= 0 and view.brand[one] == view.brand[other]:
        return Shared("brand", view.brands.name(int(view.brand[one])))
    levels = [view.categories.name(int(view.category[row])).split(LEVEL) for row in rows]
    common = [left for left, right in zip(*levels, strict=False) if left == right and left]
    if common and levels[0][: len(common)] == levels[1][: len(common)]:
        return Shared("category", common[-1])
    both = set(words_of(view.titles[other]))
    long = [word for word in words_of(view.titles[one]) if word in both and len(word) >= LONG]
    return Shared("word", max(long, key=len)) if long else None


def _listed(names: Sequence[str], said: _Words) -> str:
    return said.last.join([said.comma.join(names[:-1]), names[-1]] if len(names) > 1 else names)


def language_of(asked: str | None, accepted: str | None) -> Language | None:
    """The language of an answer: the one that is asked for, else what a browser would rather have.

    ``accepted`` is an ``Accept-Language`` header. None where nothing is said, or nothing that is known.

    >>> language_of("zh-CN", None), language_of(None, "fr, zh-TW;q=0.8, en;q=0.1"), language_of(None, "fr")
    ('zh', 'zh', None)
    """
    if asked:
        return _known(asked)
    wanted: list[tuple[float, int, Language]] = []
    for place, part in enumerate((accepted or "").split(",")):
        name, _, weight = part.partition(";q=")
        found = _known(name)
        if found is not None:
            wanted.append((-_number(weight), place, found))
    return min(wanted)[2] if wanted else None


def _known(name: str) -> Language | None:
    tag = name.strip().lower().replace("_", "-").partition("-")[0]
    return "en" if tag == "en" else "zh" if tag == "zh" else None


def _number(text: str) -> float:
    try:
        return float(text) if text.strip() else 1.0
    except ValueError:
        return 0.0
