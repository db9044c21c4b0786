"""What came of replaying a stream: frozen, and JSON without further work."""

import msgspec

from penchant.evaluate.result import Counts, Metrics


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One block of the stream; times in unix seconds. ``checkpoint``: arms could retrain before it."""

    start: float
    end: float
    n: Counts
    checkpoint: bool


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened on the way.

    Attributes:
        time: unix seconds. arm: which one it happened to.
        kind: ``promotion``, ``refusal`` or ``alarm``.
        text: in plain words.
    """

    time: float
    arm: str
    kind: str
    text: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What an arm that learns still knows of old blocks.

    Attributes:
        matrix: (B + 1, B) NDCG@10; row t: by the model that learned all before block t began, column k: on
            block k. The diagonal is the stream itself; the last row is the model at the stream's end.
        transfer: ``backward`` (relative to when each block had just been learned; below 0 is forgetting),
            ``forward`` (against the first model with live states), ``forgetting``.
    """

    matrix: list[list[float | None]]
    transfer: Metrics


class ArmResult(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one arm, means over seeds.

    Attributes:
        metrics: over all questions that were asked. checkpoints: over those of checkpoint blocks.
        blocks: of each block. segments: name → figures; see ``stream_summary.groups``.
        runs: of each seed alone.
        seconds: of processor spent on learning during the stream. by_block: before each block.
        to_joint: ``seconds`` as a share of those of ``joint-retrain``; None without that arm.
        kept: None where the matrix was not made.
    """

    metrics: Metrics
    checkpoints: Metrics
    blocks: list[Metrics]
    segments: dict[str, Metrics]
    runs: list[dict[str, float | None]]
    seconds: float
    by_block: list[float]
    to_joint: float | None
    kept: Kept | None = None


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """NDCG@10 of ``first`` over that of ``second`` on the same questions; 1 is level.

    ``where``: ``all``, ``checkpoints``, or a segment's name. The interval is by resampling people.
    """

    first: str
    second: str
    where: str
    value: float | None
    low: float | None
    high: float | None


class StreamResult(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found, and how.

    Attributes:
        counts: how much it rests on. segments: name → how much that rests on.
        first_seconds: of processor, for the model that all arms start from.
        settings: all that is needed to repeat it. marks: promotions, refusals and alarms, if any.
    """

    dataset: str
    blocks: list[Block]
    arms: dict[str, ArmResult]
    ratios: list[Ratio]
    counts: dict[str, int]
    segments: dict[str, Counts]
    first_seconds: float
    settings: dict[str, str | int | float | None]
    marks: list[Mark] = []

    def json(self) -> bytes:
        """As indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


def read_stream(data: bytes) -> StreamResult:
    """The result that :meth:`StreamResult.json` wrote.

    Raises:
        msgspec.ValidationError: it is something else.
    """
    return msgspec.json.decode(data, type=StreamResult)
