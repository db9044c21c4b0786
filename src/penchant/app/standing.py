"""Where learning stands, read off the snapshots, and what one pass of it did."""

from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from penchant.app.shop import Shop
from penchant.errors import NotFound, SnapshotRefused
from penchant.model.snapshot import Learned, Manifest, read_manifest


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass did.

    Attributes:
        snapshot: what it made. parent: what it learned on from. serves: it was promoted.
        reasons: of the gate. since, to: unix seconds; what is between was learned. log_position: the newest
            event of that. events: how many. late: events that came too late to be learned as fresh.
        seconds: that it took. ranker: what became of the shop's ranker, empty where it was left as it is.
    """

    snapshot: str
    parent: str
    serves: bool
    reasons: tuple[str, ...]
    since: float | None
    to: float
    log_position: int
    events: int
    late: int = 0
    seconds: float = 0.0
    ranker: str = ""

    def words(self) -> str:
        """For people."""
        what = "it serves from now on" if self.serves else "it is kept, and does not serve"
        learned = f"learned {self.events:,} events in {self.seconds:.0f} s, {self.snapshot}: {what}"
        late = [f"{self.late:,} events came too late to be learned as fresh"] if self.late else []
        return "\n  ".join([learned, *self.reasons, *late, *([self.ranker] if self.ranker else [])])


@dataclass(frozen=True, slots=True)
class Standing:
    """Where learning stands.

    Attributes:
        champion: snapshot that serves. manifest: its own. seen, tried: newest log position, and unix seconds,
            of the last pass from there. finished: a pass was cut off before this snapshot of it was promoted;
            empty where none was. scratched: unix seconds of the last training from scratch, whatever became
            of it.
    """

    champion: str
    manifest: Manifest
    seen: int
    tried: float
    finished: str
    scratched: float = 0.0


def standing(shop: Shop) -> Standing:
    """Read it off the snapshots.

    Raises:
        NotTrained: there is no model to learn on from. SnapshotRefused: it is broken.
    """
    champion = shop.shelf.current()
    manifest = read_manifest(shop.shelf.path(champion))
    own = manifest.learned or Learned(since=None, to=0.0, seen=manifest.log_position, made=0.0)
    children = _children(shop, champion)
    passes = [own, *children.values()]
    newest = max(passes, key=lambda one: one.seen)
    tried = max(one.made for one in passes)
    return Standing(
        champion, manifest, newest.seen, tried, _finished(shop, children), _scratched(shop, champion)
    )


def _scratched(shop: Shop, champion: str) -> float:
    """When anything on the shelf was trained from scratch last; 0 where nothing was.

    A student counts where it serves.
    """
    made = [0.0]
    for name in shop.shelf.names():
        try:
            learned = read_manifest(shop.shelf.path(name)).learned
        except (NotFound, SnapshotRefused):
            continue
        if learned is not None and learned.since is None and (learned.teacher is UNSET or name == champion):
            made.append(learned.made)
    return max(made)


def _children(shop: Shop, champion: str) -> dict[str, Learned]:
    """Passes that began with ``champion``, oldest first."""
    found: dict[str, Learned] = {}
    for name in shop.shelf.names():
        try:
            manifest = read_manifest(shop.shelf.path(name))
        except SnapshotRefused:
            continue  # It is listed as broken.
        learned = manifest.learned
        # A student is no pass: nobody meant it to serve, and what came since is still to be learned.
        if learned is not None and learned.teacher is UNSET and manifest.parent == champion:
            found[name] = learned
    return found


def _finished(shop: Shop, children: dict[str, Learned]) -> str:
    history = shop.shelf.history()
    served = {promotion.name for promotion in history}
    cut_off = [
        name
        for name, learned in children.items()
        if learned.accepted and name not in served and learned.made >= history[-1].time
    ]
    return cut_off[-1] if cut_off else ""
