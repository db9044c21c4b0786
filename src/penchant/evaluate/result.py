"""The outcome of an evaluation: frozen, and JSON without further work (``msgspec.json.encode``)."""

import msgspec


class Estimate(msgspec.Struct, frozen=True):
    """A metric with its 95% interval; ``None`` where there is nothing to measure, or no interval."""

    value: float | None
    low: float | None = None
    high: float | None = None


Metrics = dict[str, Estimate]
"""By name, such as ``ndcg@10``."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How much a figure rests on."""

    people: int
    questions: int
    relevant: int


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of a part of the questions.

    Attributes:
        differences: ``"a - b"`` → metric → paired difference, resampling the same people for both.
    """

    n: Counts
    models: dict[str, Metrics]
    differences: dict[str, Metrics] = {}


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of one block or week; times in unix seconds."""

    label: str
    start: float
    end: float
    n: Counts
    models: dict[str, Metrics]


class Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """Time spent on a model, all training parts together."""

    fit: float
    score: float


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found, and how.

    Attributes:
        models: model → metric → estimate, over all questions.
        differences: as in :class:`Group`, over all questions.
        segments: name → the metrics on that part; see ``segments.segments``.
        periods: blocks of a prequential evaluation, weeks of a time split.
        settings: all that is needed to repeat it.
        runs: model → metric → value of each run, of models that ran with several seeds; their other
            figures are means over the runs.
    """

    protocol: str
    dataset: str
    models: dict[str, Metrics]
    differences: dict[str, Metrics]
    segments: dict[str, Group]
    periods: list[Period]
    counts: dict[str, int]
    seconds: dict[str, Seconds]
    settings: dict[str, str | int | float | None]
    runs: dict[str, list[dict[str, float]]] = {}

    def json(self) -> bytes:
        """As indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


def read_evaluation(data: bytes) -> Evaluation:
    """The evaluation that :meth:`Evaluation.json` wrote.

    Raises:
        msgspec.ValidationError: it is something else.
    """
    return msgspec.json.decode(data, type=Evaluation)
