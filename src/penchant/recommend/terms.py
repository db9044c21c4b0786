"""Texts as the terms that a search compares: words without accents and plural endings, pairs of letters where
no spaces part words."""

import re
import unicodedata
from functools import lru_cache

_RUN = re.compile(r"\w+")
_UNSPACED = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
"""Letters of languages that put no space between words, and Korean, whose words carry their endings."""

_ACCENTS = re.compile("[\u0300-\u036f]")

KEPT = 65_536
"""Words whose terms are kept: most of a catalogue's words are in many items."""


def terms_of(text: str) -> list[str]:
    """Terms of a text in their order, repeats included.

    >>> terms_of("Crème-Brûlée Candles, 15ml")
    ['creme', 'brulee', 'candle', '15ml']
    >>> terms_of("绿茶叶")
    ['绿', '绿茶', '茶', '茶叶', '叶']
    """
    return [term for word in _RUN.findall(plain(text)) for term in _terms(word)]


def asked_in(text: str) -> tuple[list[str], bool]:
    """Distinct terms of a query, and whether the last one may still be being typed.

    A single letter of a language without spaces says less than the pair that it is in, so it is asked for
    only where it stands alone.

    >>> asked_in("green tea ba"), asked_in("绿茶叶"), asked_in("茶")
    ((['green', 'tea', 'ba'], True), (['绿茶', '茶叶'], False), (['茶'], False))
    """
    whole = plain(text)
    words = _RUN.findall(whole)
    terms = [term for word in words for term in _terms(word, asked=True)]
    typing = bool(words) and whole.endswith(words[-1]) and not _UNSPACED.search(words[-1])
    if typing:
        # As far as it was typed: the end of a beginning is no plural ending.
        terms[-1] = words[-1]
    return list(dict.fromkeys(terms)), typing


def plain(text: str) -> str:
    """Small letters of one form and width, Latin ones without accents.

    >>> plain("Ｃafé")
    'cafe'
    """
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))


def singular(word: str) -> str:
    """An English word without its plural ending; any other word loses an ``s`` too, wherever it stands.

    Harman: How effective is suffixing? JASIS 1991 (the "S" stemmer).

    >>> [singular(word) for word in ("berries", "brushes", "glass", "gas", "campus", "shoes")]
    ['berry', 'brush', 'glass', 'gas', 'campus', 'shoe']
    """
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us")):
        return word
    if word.endswith(("shes", "ches", "sses", "xes")):
        return word[:-2]
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    return word[:-1]


@lru_cache(maxsize=KEPT)
def _terms(word: str, *, asked: bool = False) -> tuple[str, ...]:
    found: list[str] = []
    at = 0
    for run in _UNSPACED.finditer(word):
        found += _spaced(word[at : run.start()])
        found += _pairs(run.group(), asked=asked)
        at = run.end()
    return (*found, *_spaced(word[at:]))


def _spaced(word: str) -> list[str]:
    return [singular(word)] if word else []


def _pairs(run: str, *, asked: bool) -> list[str]:
    if asked and len(run) > 1:
        return [run[at : at + 2] for at in range(len(run) - 1)]
    return [run[at : at + size] for at in range(len(run)) for size in (1, 2) if at + size <= len(run)]
