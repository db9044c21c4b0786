"""How a shop's best items are found: by its settings, or by how many items there are."""

from penchant.adapters import numba_scan
from penchant.adapters.faiss_lists import InvertedLists
from penchant.errors import MissingExtra
from penchant.recommend.retrieval.follow import Retrieval
from penchant.recommend.retrieval.port import Make
from penchant.settings import RecommendSettings

PACKED_FROM = 100_000
"""Items from which on a byte a number is faster than four, by ``bench/retrieval.py``."""

APPROXIMATE_FROM = 300_000
"""Items from which on scanning all of them takes longer than a list may, by ``bench/retrieval.py``."""

TEXTS_FROM = 25_000
"""Distinct texts from which on a search compares the nearest only, by ``bench/search.py``: their vectors are
several times as long as a model's."""

MAKES: dict[str, Make] = {
    "int8": numba_scan.int8_rows,
    "float16": numba_scan.float16_rows,
    "approximate": InvertedLists,
}


def retrieval_of(settings: RecommendSettings, arms: int = 0) -> Retrieval | None:
    """What finds the best items, for the model that serves and for those of ``arms``.

    None where all are scored in full, whatever their number.

    Raises:
        MissingExtra: the settings name a form that needs numba, and it is not installed.
    """
    name = settings.retrieval
    if name == "float32":
        return None
    if name in ("int8", "float16") and not numba_scan.installed():
        raise MissingExtra(
            f"[recommend] retrieval = {name!r} needs numba: pip install 'penchant[large]', or choose 'auto'"
        )
    if name == "auto":
        return Retrieval(by_size, 1 + arms)
    return Retrieval(lambda _: MAKES[name], 1 + arms)


def by_size(items: int) -> Make | None:
    """The form for so many items, None for none.

    >>> by_size(12_000) is None, by_size(1_000_000) is MAKES["approximate"]
    (True, True)
    """
    if items >= APPROXIMATE_FROM:
        return MAKES["approximate"]
    return MAKES["int8"] if items >= PACKED_FROM and numba_scan.installed() else None


def by_texts(texts: int) -> Make | None:
    """The form for the vectors of so many texts, None where a search compares all.

    >>> by_texts(12_000) is None, by_texts(100_000) is MAKES["approximate"]
    (True, True)
    """
    return MAKES["approximate"] if texts >= TEXTS_FROM else None
