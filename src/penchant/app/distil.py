"""A smaller snapshot of the one that serves. It does not serve by itself."""

import msgspec

from penchant.app.bars import training_bar
from penchant.app.nightly import known_of, load
from penchant.app.output import Told
from penchant.app.shop import Shop
from penchant.app.work import TRAINING, Material, from_scratch, material
from penchant.learn.distil import Student, distil, student_settings
from penchant.metrics import PairedLoss
from penchant.model.checkpoint import clear_checkpoint
from penchant.model.saving import save_snapshot
from penchant.model.settings import ModelSettings
from penchant.model.snapshot import read_manifest


class Distilled(msgspec.Struct, frozen=True, kw_only=True):
    """What was made.

    Attributes:
        snapshot, teacher: names. dim, layers: of the snapshot. bytes, teacher_bytes: of the weights.
        teacher_ndcg, ndcg: NDCG@10 on the same baskets, which neither learned. lost: share of it, below 0
            is better. error: standard error of that over ``people``. None where no basket was kept apart.
    """

    snapshot: str
    teacher: str
    dim: int
    layers: int
    bytes: int
    teacher_bytes: int
    teacher_ndcg: float | None = None
    ndcg: float | None = None
    lost: float | None = None
    error: float | None = None
    people: int = 0

    def words(self) -> str:
        """For people."""
        size = f"{self.bytes / 1e6:.1f} MB instead of {self.teacher_bytes / 1e6:.1f}"
        return "\n  ".join([
            f"distilled {self.snapshot} from {self.teacher}: {size}",
            _lost(self),
            f"it does not serve yet: penchant snapshots promote {self.snapshot}",
        ])  # fmt: skip


def distil_model(shop: Shop, told: Told, dim: int, layers: int | None = None) -> Distilled:
    """Distil what serves; the shop's training lock is held.

    Raises:
        NotTrained: nothing serves. InvalidInput: it would not be smaller.
    """
    name = shop.shelf.current()
    trained = ModelSettings.from_dict(read_manifest(shop.shelf.path(name)).settings)
    seconds = shop.settings.train.time_budget
    settings = student_settings(trained, dim, layers, seconds)  # refused before anything is read
    given = material(shop, told)
    student = distil(
        load(shop, name, given), known_of(given), settings,
        on_progress=training_bar(told, seconds), checkpoint=shop.folder / TRAINING,
    )  # fmt: skip
    return _kept(shop, name, given, student)


def _kept(shop: Shop, teacher: str, given: Material, student: Student) -> Distilled:
    """Write the snapshot; its training has no more need of a checkpoint."""
    now, found = shop.clock(), _figures(student.lost)
    path = shop.shelf.new_path(now)
    learned = msgspec.structs.replace(
        from_scratch(given, now), teacher=teacher, reasons=(f"distilled from {teacher}",)
    )
    settings = student.model.settings
    save_snapshot(
        student.model, path,
        id_table_hash=shop.ids.digest(given.items.count), id_table_length=given.items.count,
        log_position=given.data.log_position, metrics=found, parent=teacher, learned=learned,
    )  # fmt: skip
    shop.shelf.prune(also=[teacher, *shop.settings.experiment.pinned().values()])
    clear_checkpoint(shop.folder / TRAINING)
    return Distilled(
        snapshot=path.name, teacher=teacher, dim=settings.dim, layers=settings.layers,
        bytes=shop.shelf.size(path.name), teacher_bytes=shop.shelf.size(teacher),
        people=0 if student.lost is None else student.lost.people, **found,
    )  # fmt: skip


def _figures(lost: PairedLoss | None) -> dict[str, float]:
    if lost is None:
        return {}
    return {"teacher_ndcg": lost.first, "ndcg": lost.second, "lost": lost.value, "error": lost.error}


def _lost(made: Distilled) -> str:
    if made.lost is None or made.ndcg is None or made.teacher_ndcg is None or made.error is None:
        return "nobody's basket was kept apart from both: what was lost is not known"
    direction = "worse" if made.lost >= 0 else "better"
    return (
        f"NDCG@10 {made.ndcg:.4f} after {made.teacher_ndcg:.4f}, {abs(made.lost):.1%} {direction} "
        f"(error {made.error:.1%}, {made.people:,} people)"
    )
