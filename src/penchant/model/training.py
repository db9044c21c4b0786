"""The training loop."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from penchant.errors import InvalidInput, NotEnoughData
from penchant.model.ahead import torch_threads
from penchant.model.attributes import Attributes, Vocabulary
from penchant.model.checkpoint import Checkpoint, fingerprint, load_checkpoint, save_checkpoint
from penchant.model.dialling import set_dials
from penchant.model.entries import check_items
from penchant.model.examples import Questions, basket_questions
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.lessons import Lessons, Read, Reading
from penchant.model.memory import keep_freed_memory
from penchant.model.net import PreferenceNet
from penchant.model.objective import Kinds
from penchant.model.optimisers import Stepper
from penchant.model.pretrain import Pretrainer, Unlabelled
from penchant.model.prices import fitting_prices, price_borders, price_levels
from penchant.model.sampling import NegativeSampler
from penchant.model.saving import arrays_of
from penchant.model.scoring import Answers, PreferenceModel, answer, item_scores, score_blocks
from penchant.model.settings import ModelSettings
from penchant.model.sizes import Sizes
from penchant.model.teaching import Teaching
from penchant.model.tokens import main_kind, wanted
from penchant.model.validation import hold_out, marks_of, ndcg, some_of
from penchant.model.whitening import fit_whitening


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands. ``metric`` is the validation NDCG@10, None between validations."""

    epoch: int
    epochs: int
    step: int
    loss: float
    metric: float | None
    seconds: float


OnProgress = Callable[[Progress], None]


def train(
    histories: Histories,
    text: FloatArray | None,
    settings: ModelSettings | None = None,
    *,
    n_items: int,
    queries: FloatArray | None = None,
    prices: FloatArray | None = None,
    attributes: Sequence[Attributes] | None = None,
    held_out: Questions | None = None,
    teacher: PreferenceModel | None = None,
    on_progress: OnProgress | None = None,
    checkpoint: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> PreferenceModel:
    """Train on ``histories``; the last baskets of some people are held out to know when to stop.

    Args:
        histories: what may be learned from.
        text: (N, T) text vectors, a zero row where there is no text; None where nothing has any.
        settings: see :class:`ModelSettings`.
        n_items: N, rows of the id table.
        queries: (·, T) text vectors of the searches that ``histories.queries`` names.
        prices: (N,) of the items, NaN where it is not known; None where none is.
        attributes: what is known of each person row, such as ``{"country": "France"}``; None for nothing.
        held_out: moments in ``histories`` with what was taken then, which is not in ``histories``. They tell
            when to stop and set the dials in place of baskets that are held out, so that all of ``histories``
            trains. At most ``settings.validation`` of them are asked, drawn by the seed.
        teacher: a larger model of the same items that says what it thinks beside (:mod:`.teaching`). Where
            no moments are held out, those are that were kept apart from it.
        on_progress: told after each step and each validation.
        checkpoint: folder where training goes on after an interruption; made anew after each epoch.
        clock: seconds that only go on.

    Raises:
        NotEnoughData: nothing to predict.
        InvalidInput: text, prices, attributes, items or held-out moments that do not fit.
    """
    settings = settings or ModelSettings()
    _check(histories, text, n_items)
    if attributes is not None and len(attributes) != histories.people:
        raise InvalidInput(f"attributes are of {len(attributes)} people, the histories of {histories.people}")
    if held_out is not None:
        _check_held_out(histories, held_out, n_items)
    keep_freed_memory()
    with torch_threads(settings.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        trainer = Trainer(
            histories, text, settings, n_items, queries, held_out,
            prices=prices, attributes=attributes, teacher=teacher,
        )  # fmt: skip
        return trainer.run(on_progress or _silent, checkpoint, clock)


class Trainer:
    """One training run: its data, its weights and the best weights so far."""

    def __init__(  # noqa: PLR0917
        self,
        histories: Histories,
        text: FloatArray | None,
        settings: ModelSettings,
        n_items: int,
        queries: FloatArray | None,
        held_out: Questions | None = None,
        *,
        prices: FloatArray | None = None,
        attributes: Sequence[Attributes] | None = None,
        teacher: PreferenceModel | None = None,
    ) -> None:
        self.settings = settings
        self.histories = histories
        self.rng = np.random.default_rng(settings.seed)
        table = text if text is not None else np.zeros((n_items, 1), np.float32)
        self.whitening = fit_whitening(table, settings.text_dim)
        self.queries = None if queries is None or text is None else self.whitening(queries)
        questions = basket_questions(histories)
        kind = main_kind(histories.items, histories.types)
        self.kinds = Kinds(histories.types, kind, settings.auxiliary)
        if held_out is None:
            main = ~self.kinds.auxiliary(questions)
            apart = None if teacher is None else teacher.apart
            self.questions, self.held_out = hold_out(questions, main, settings.validation, self.rng, apart)
        else:
            self.questions, self.held_out = questions, some_of(held_out, settings.validation, self.rng)
        self.counts = _counts(self.questions, n_items)
        self.sizes = Sizes.of(histories, self.questions, n_items, settings)
        inner = replace(settings, dropout=self.sizes.dropout)
        self.borders = price_borders(prices)
        given = fitting_prices(prices, n_items)
        levels = price_levels(given, self.borders) if np.isfinite(given).any() else None
        known = attributes if "attributes" in settings.read else None
        self.vocabulary = Vocabulary.of(known or ())
        self.words = None if known is None else self.vocabulary.table(known)
        words = len(self.vocabulary.words)
        self.net = PreferenceNet(self.whitening(table), self.counts, inner, levels, words)
        self.sampler = NegativeSampler(
            self.counts, n_items if settings.loss == "full" else settings.negatives
        )
        self.lessons = Lessons.of(
            self.net,
            histories,
            self.kinds,
            Reading(self.sizes.short, self.sizes.batch, settings.window),
            self.sampler,
            settings,
            queries=self.queries,
            words=self.words,
        )
        self.trend = self.lessons.trend
        self.teaching = None if teacher is None else self._taught_by(teacher, queries, attributes)
        self.stepper = Stepper(self.net, settings)
        self.key = fingerprint(
            histories, text, settings, self.held_out, prices, self.words, self.vocabulary.packed(),
            *(() if teacher is None else arrays_of(teacher).values()),
        )  # fmt: skip

    def run(self, tell: OnProgress, folder: Path | None, clock: Callable[[], float]) -> PreferenceModel:
        """Epochs until nothing gets better, the time is over, or there were enough."""
        state = self._resumed(folder)
        if self.settings.objectives and not state.epoch:
            state = self._pretrained(tell, clock)
        while not state.done(self.settings, state.seconds):
            before = state.seconds
            start = clock()
            state = self._epoch(state, tell, lambda now=start, b=before: clock() - now + b)
            state.seconds = before + clock() - start
            if folder is not None:
                save_checkpoint(folder, state, self.stepper.optimizer, self.rng, self.key)
        self.net.load_state_dict(state.best, strict=True)
        self.net.zero_grad(set_to_none=True)
        self.net.eval()
        self.net.items.seat(self.counts)
        self._calibrate()
        report = {"epochs": state.epoch, "seconds": round(state.seconds, 1), "validation": state.metric}
        return PreferenceModel(
            self.net,
            self.settings,
            self.whitening,
            self.counts,
            self.borders,
            self.vocabulary,
            report,
            marks_of(self.held_out),
        )

    def _taught_by(
        self, teacher: PreferenceModel, queries: FloatArray | None, attributes: Sequence[Attributes] | None
    ) -> Teaching:
        # Its own draws: those of a training without a teacher stay what they are.
        rng = np.random.default_rng(self.settings.seed)
        return Teaching.of(
            teacher, self.histories, self.questions, rng,
            queries=queries, attributes=attributes,
        )  # fmt: skip

    def _pretrained(self, tell: OnProgress, clock: Callable[[], float]) -> Checkpoint:
        """Before the first epoch, but with weights of pre-training; it begins anew where it is cut off."""
        s, start = self.settings, clock()
        limit = math.inf if s.time_budget_s is None else s.pretrain_share * s.time_budget_s

        def over(step: int, loss: float) -> bool:
            seconds = clock() - start
            tell(Progress(0, s.max_epochs, step, loss, None, seconds))
            return seconds > limit

        log = Unlabelled.of(self.histories, self.queries, self.held_out)
        Pretrainer(self.net, log, s, self.rng).run(over)
        self.net.zero_grad(set_to_none=True)
        return replace(Checkpoint.fresh(self.net, self.stepper.average), seconds=clock() - start)

    def validate(self) -> float:
        """NDCG@10 of the held-out baskets, nothing left out of the ranking."""
        net = self.stepper.average.module
        asked = self._asked(self.sizes.asked)
        answers = self._answers(net, asked)
        return ndcg(score_blocks(answers, item_scores(net, self.counts), self.trend, 256), asked)

    def frequency(self, people: IntArray) -> IntArray:
        """How many baskets each of these (Q,) has, the held-out one too."""
        main = self.questions.people[~self.kinds.auxiliary(self.questions)]
        trained = np.bincount(main, minlength=self.histories.people)
        return trained[people] + 1

    def _asked(self, most: int) -> Questions:
        """The same held-out moments whenever so many are asked."""
        return some_of(self.held_out, most, np.random.default_rng(self.settings.seed))

    def _answers(self, net: PreferenceNet, asked: Questions) -> Answers:
        return answer(net, self.histories, asked, self.trend, self.queries, self.words)

    def _calibrate(self) -> None:
        asked = self._asked(self.sizes.dialled)
        set_dials(
            self.net,
            self._answers(self.net, asked),
            asked,
            self.trend,
            self.counts,
            discovery=self.settings.discovery,
            frequency=self.frequency(asked.people),
        )

    def _resumed(self, folder: Path | None) -> Checkpoint:
        net, average = self.net, self.stepper.average
        found = (
            load_checkpoint(folder, net, average, self.stepper.optimizer, self.rng, self.key)
            if folder
            else None
        )
        return found or Checkpoint.fresh(net, average)

    def _epoch(
        self,
        state: Checkpoint,
        tell: OnProgress,
        seconds: Callable[[], float],
    ) -> Checkpoint:
        self.net.train()
        limit, loss, epochs = self.settings.time_budget_s, 0.0, self.settings.max_epochs
        steps = 0
        with closing(self._losses()) as losses:
            for steps, loss in enumerate(losses, 1):
                tell(Progress(state.epoch + 1, epochs, state.steps + steps, loss, None, seconds()))
                if limit is not None and seconds() > limit:
                    break
        metric = self.validate()
        after = state.after_epoch(self.net, self.stepper.average, metric, steps)
        tell(Progress(after.epoch, epochs, after.steps, loss, metric, seconds()))
        return after

    def _losses(self) -> Generator[float]:
        """Loss of each step of one epoch."""
        with closing(self.lessons.each(self._parts(), self.rng)) as lessons:
            for lesson in lessons:
                loss = lesson.loss
                if self.teaching is not None:
                    loss = loss + self.teaching.loss(self.net, lesson)
                self.stepper.backward(loss, len(lesson.batch.questions))
                yield lesson.loss.item()
        self.stepper.step()

    def _batches(self) -> Generator[Read]:
        """What one epoch reads."""
        return self.lessons.batches(self._parts(), self.rng)

    def _parts(self) -> Iterator[Questions]:
        """Questions of each pass of an epoch."""
        return (self.sizes.part(self.questions, self.rng) for _ in range(self.sizes.passes))


def _counts(questions: Questions, n_items: int) -> FloatArray:
    return np.bincount(questions.items, minlength=n_items).astype(np.float32)


def _check(histories: Histories, text: FloatArray | None, n_items: int) -> None:
    check_items(n_items)
    newest = int(histories.items.max(initial=-1))
    if newest >= n_items:
        raise InvalidInput(f"events name item row {newest}, but there are {n_items} items: pass all of them")
    if text is not None and (text.ndim != 2 or len(text) != n_items):
        raise InvalidInput(f"text vectors have shape {text.shape}, expected one row for each of {n_items}")
    if wanted(histories.items, histories.types).sum() < 2:
        raise NotEnoughData("there are fewer than two events with an item: import more before training")


def _check_held_out(histories: Histories, held_out: Questions, n_items: int) -> None:
    if not len(held_out):
        raise InvalidInput("no moment is held out: give at least one, or None to hold out some of the log")
    if held_out.people.min() < 0 or held_out.people.max() >= histories.people:
        raise InvalidInput(f"held-out moments name people beyond the {histories.people} of the histories")
    begin, end = histories.offsets[held_out.people], histories.offsets[held_out.people + 1]
    if ((held_out.ends < begin) | (held_out.ends > end)).any():
        raise InvalidInput("a held-out moment lies outside of its person's events")
    if held_out.items.min(initial=0) < 0 or held_out.items.max(initial=0) >= n_items:
        raise InvalidInput(f"held-out answers name items beyond the {n_items} that there are")


def _silent(_: Progress) -> None:
    """Nobody listens."""
