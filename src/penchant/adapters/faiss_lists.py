"""Approximate retrieval by an inverted file of ``faiss``: only the lists nearest to a person are read."""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.recommend.retrieval.port import Floats, Found, Mask, Rows

MOST_LISTS, ROWS_OF_A_LIST = 4_096, 128
"""As many lists as rows give, up to the first."""

ROWS_READ, LEAST_READ = 12_000, 48
"""So many rows are read at the mean, and no fewer lists than so many."""

SAMPLE, ROUNDS = 39, 8
"""Rows of a list, at the mean, that centres are learned from, and how often."""

DEVIATIONS = 2.0
"""How far beyond its centre a list is expected to reach, in standard deviations of its rows."""

OFF = 0.05
"""Difference of a level from the one that is held, against the mean difference, that is let be."""

MOST_MOVED = 4_096
"""Rows whose levels are brought up to date at once; the furthest off first."""

WORN = 1.0
"""Rows that came or moved, as a share of those that the centres were learned from, until they are
learned again."""

SEED = 0


class InvertedLists:
    """Vectors with their level as one more dimension, 16 bits a number, in lists around learned centres.

    Levels move with what is in fashion, all of them a little and every minute: those that are far off are
    brought up to date when somebody asks. Nothing is promised of what is found (``reach`` is NaN).

    Rows lie with the centre nearest to them, and those lists are read whose best rows promise most: in faiss'
    own way for inner products, by direction alone, lists differ more in length and more of them must be read.

    Jégou, Douze and Schmid: Product quantization for nearest neighbor search, PAMI 2011 (the inverted
    file, here without product quantization).
    """

    def __init__(self, vectors: Floats, levels: Floats) -> None:
        self._dim = vectors.shape[1]
        self._wide = -(-(self._dim + 1) // 8) * 8
        self._held = levels.astype(np.float32)
        self._seen: Floats | None = None
        self._learned, self._moved = len(vectors), 0
        # Here, for it takes a part of a second that small shops need not wait.
        self._faiss: Any = import_module("faiss")
        faiss = self._faiss
        # Questions come one at a time, and other processes have cores too.
        faiss.omp_set_num_threads(1)
        lists = max(1, min(MOST_LISTS, len(vectors) // ROWS_OF_A_LIST))
        self._nearest: Any = faiss.IndexFlatL2(self._wide)
        self._index: Any = faiss.IndexIVFScalarQuantizer(
            self._nearest, self._wide, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._index.by_residual = False
        self._read = min(lists, max(LEAST_READ, lists * ROWS_READ // max(1, len(vectors))))
        rows = np.sort(np.random.default_rng(SEED).permutation(len(vectors))[: lists * SAMPLE])
        self._learn(self._points(vectors[rows], levels[rows]), lists)
        self._index.set_direct_map_type(faiss.DirectMap.Array)
        for start in range(0, len(vectors), 65_536):
            part = slice(start, start + 65_536)
            self._index.add(self._points(vectors[part], levels[part]))

    @property
    def nbytes(self) -> int:
        return int(self._index.ntotal) * (2 * self._wide + 8 + 8)

    @property
    def worn(self) -> bool:
        return self._moved > WORN * self._learned

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def best(self, h: Floats, levels: Floats, allowed: Mask, k: int) -> Found:
        self._level(levels)
        asked = np.zeros((1, self._wide), np.float32)
        asked[0, : self._dim], asked[0, self._dim] = h, 1.0
        if not np.isfinite(asked).all():
            return Found(np.zeros(0, np.int64), float("nan"))
        promised = self._centres @ asked[0] + np.linalg.norm(asked) * self._spread
        lists = np.argpartition(-promised, self._read - 1)[: self._read].astype(np.int64)
        rows = self._search(asked, k, lists, np.packbits(allowed, bitorder="little"))
        return Found(rows[rows >= 0], float("nan"))

    def _search(self, asked: Floats, k: int, lists: Rows, allowed: NDArray[np.uint8]) -> Rows:
        """Rows (k,) of ``lists``, -1 where there are no more.

        faiss' own function for Python takes lists or a choice of rows, not both.
        """
        faiss = self._faiss
        how = faiss.SearchParametersIVF(sel=faiss.IDSelectorBitmap(allowed), nprobe=len(lists))
        far, scores = np.zeros(len(lists), np.float32), np.empty(k, np.float32)
        rows = np.empty(k, np.int64)
        given, found = (asked, k, lists, far), (scores, rows)
        pointers = [one if isinstance(one, int) else faiss.swig_ptr(one) for one in (*given, *found)]
        self._index.search_preassigned_c(1, *pointers, False, how)
        return rows

    def move(self, rows: Rows, vectors: Floats, levels: Floats) -> None:
        known, self._moved = len(self), self._moved + len(rows)
        points = self._points(vectors, levels)
        old = rows < known
        if old.any():
            self._index.update_vectors(rows[old], points[old])
            self._held[rows[old]] = levels[old]
        if not old.all():
            self._index.add(points[~old])
            self._held = np.append(self._held, levels[~old])

    def _level(self, levels: Floats) -> None:
        """Bring those up to date that moved most since they were put in."""
        if self._seen is levels:
            return
        self._seen = levels
        off = levels - self._held[: len(levels)]
        far = np.abs(off - off.mean()) if len(off) else off
        rows = np.flatnonzero(far > OFF)
        if len(rows) > MOST_MOVED:
            rows = np.sort(rows[np.argpartition(-far[rows], MOST_MOVED)[:MOST_MOVED]])
        if len(rows):
            # What comes back of 16 bits is the same when it is put in again.
            held = self._index.reconstruct_batch(rows)[:, : self._dim]
            self.move(rows, held, levels[rows])
            self._moved -= len(rows)

    def _learn(self, points: Floats, lists: int) -> None:
        """Centres (L, W) of lists, and how far their rows reach beyond them (L,)."""
        kind = self._index.cp
        kind.niter, kind.seed, kind.spherical = ROUNDS, SEED, False
        kind.max_points_per_centroid, kind.min_points_per_centroid = SAMPLE, 1
        self._index.train(points)
        self._centres = self._nearest.reconstruct_n(0, lists)
        far, nearest = (found[:, 0] for found in self._nearest.search(points, 1))
        held = np.maximum(np.bincount(nearest, minlength=lists), 1)
        squares = np.bincount(nearest, np.maximum(far, 0.0), minlength=lists) / held
        self._spread = (DEVIATIONS * np.sqrt(squares / (self._dim + 1))).astype(np.float32)

    def _points(self, vectors: Floats, levels: Floats) -> Floats:
        points = np.zeros((len(vectors), self._wide), np.float32)
        points[:, : self._dim], points[:, self._dim] = vectors, levels
        return points
