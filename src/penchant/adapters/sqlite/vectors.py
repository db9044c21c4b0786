"""Vectors of texts, in a file of their own: a cache that may be deleted at any time."""

import sqlite3
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from penchant.adapters.sqlite.database import BUSY_SECONDS, storage_errors

_CHUNK = 10_000


class SqliteVectors:
    """:class:`~penchant.catalog.encoder.VectorCache`. Only hashes of texts are kept, not the texts."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        with storage_errors():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            # A cache may lose its last second in a power cut: it is made again.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors "
                "(hash BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
            )

    def get(self, model: str, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        found: dict[str, NDArray[np.float32]] = {}
        with self._lock, storage_errors():
            for text in texts:
                row = self._connection.execute(
                    "SELECT vector FROM vectors WHERE hash = ?", [_hash(model, text)]
                ).fetchone()
                if row is not None:
                    found[text] = np.frombuffer(row[0], dtype=np.float32)
        return found

    def put(self, model: str, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        rows = [
            (_hash(model, t), v.astype(np.float32).tobytes()) for t, v in zip(texts, vectors, strict=True)
        ]
        for start in range(0, len(rows), _CHUNK):
            with self._lock, storage_errors(), self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows[start : start + _CHUNK]
                )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _hash(model: str, text: str) -> bytes:
    return blake2b(f"{model}\0{text}".encode(), digest_size=16).digest()
