"""Which seller, brand or other group each item is of, by a column of the catalogue."""

from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.catalog import Catalog
from penchant.catalog.view import CatalogView
from penchant.types import Item

AT_ONCE = 10_000
"""Items that are read at once."""

_OF_VIEW = ("brand", "category", "department")


class Grouped(NamedTuple):
    """Of one version of the catalogue: ``codes`` (N,), -1 for none, and the name of each."""

    version: int
    codes: NDArray[np.int32]
    names: list[str]


class Groups:
    """Kept in step with the catalogue. ``attribute``: ``brand``, ``category``, ``department``, or any column
    that a feed has beside the known ones, such as ``seller``."""

    def __init__(self, catalog: Catalog, attribute: str) -> None:
        self._catalog = catalog
        self._attribute = attribute
        self._lock = Lock()
        self._now = Grouped(-1, np.zeros(0, np.int32), [])
        self._code: dict[str, int] = {}

    def at(self, view: CatalogView) -> Grouped:
        """Of that view. Where it says which items changed only those are read again; while another thread
        does, the groups are those from before.

        Raises:
            StorageError: they cannot be.
        """
        if self._attribute in _OF_VIEW:
            codes, table = {
                "brand": (view.brand, view.brands),
                "category": (view.category, view.categories),
                "department": (view.department, view.departments),
            }[self._attribute]
            return Grouped(view.version, codes, table.names)
        now = self._now
        if now.version == view.version and len(now.codes) == len(view):
            return now
        if not self._lock.acquire(blocking=now.version < 0):
            return _cut(now, len(view))
        try:
            # Who still holds an earlier view must not have everything read again, back and forth.
            if self._now.version <= view.version:
                self._now = self._read(view, self._now)
            return _cut(self._now, len(view))
        finally:
            self._lock.release()

    def _read(self, view: CatalogView, before: Grouped) -> Grouped:
        rows = view.changed_since(before.version)
        codes = np.full(len(view), -1, np.int32)
        if rows is None:
            rows = np.flatnonzero(view.listed).tolist()
        else:
            codes[: len(before.codes)] = before.codes[: len(view)]
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            items = self._catalog.many([view.ids[row] for row in part])
            for row in part:
                codes[row] = self._coded(items.get(view.ids[row]))
        return Grouped(view.version, codes, list(self._code))

    def _coded(self, item: Item | None) -> int:
        value = None if item is None else item.attributes.get(self._attribute)
        return -1 if value is None else self._code.setdefault(str(value), len(self._code))


def _cut(grouped: Grouped, size: int) -> Grouped:
    """With ``size`` codes; rows that it does not know are in no group."""
    codes = grouped.codes[:size]
    if len(codes) == size:
        return grouped._replace(codes=codes)
    return grouped._replace(codes=np.concatenate([codes, np.full(size - len(codes), -1, np.int32)]))
