"""API keys in SQLite: only a hash of each is kept."""

from penchant.adapters.sqlite.database import Database
from penchant.privacy.keys import ApiKey


class SqliteKeys:
    """:class:`~penchant.privacy.keys.KeyStore`. Keys may change while another process serves the shop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, key: ApiKey) -> None:
        with self._database.write_beside() as connection:
            connection.execute(
                "INSERT INTO api_keys VALUES (?, ?, ?, ?, ?)",
                [key.id, key.digest, " ".join(sorted(key.scopes)), key.created, key.revoked],
            )

    def all(self) -> list[ApiKey]:
        rows = self._database.read(
            "SELECT id, digest, scopes, created, revoked FROM api_keys ORDER BY created"
        )
        return [_key(row) for row in rows]

    def get(self, key_id: str) -> ApiKey | None:
        rows = self._database.read(
            "SELECT id, digest, scopes, created, revoked FROM api_keys WHERE id = ?", [key_id]
        )
        return _key(rows[0]) if rows else None

    def revoke(self, key_id: str, now: float) -> bool:
        with self._database.write_beside() as connection:
            return (
                connection.execute(
                    "UPDATE api_keys SET revoked = ? WHERE id = ? AND revoked IS NULL", [now, key_id]
                ).rowcount
                > 0
            )


def _key(row: tuple[object, ...]) -> ApiKey:
    key_id, digest, scopes, created, revoked = row
    return ApiKey(
        id=str(key_id),
        digest=bytes(digest),  # type: ignore[arg-type]
        scopes=frozenset(str(scopes).split()),
        created=float(str(created)),
        revoked=None if revoked is None else float(str(revoked)),
    )
