"""Self-supervised training on the log as it is, before any question is asked; off by default (record 8).

- ``next``: the item of the next event, of whatever type (as GRU4Rec, Hidasi et al., ICLR 2016).
- ``masked``: the item of an event whose item was taken away, from what came before it and from its own type
  and time gap. Encoders here read forwards alone: there is no right context as in BERT4Rec (Sun et al.,
  CIKM 2019) or S3-Rec (Zhou et al., CIKM 2020).
- ``contrastive``: two views of one person, each cropped, masked or reordered, are nearer to each other than
  to those of other people in the batch (InfoNCE; CL4SRec, Xie et al., ICDE 2022).

What is held out is not read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from penchant.model.examples import Batch, Questions, days_between, sessions_of
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.losses import sampled_cross_entropy
from penchant.model.net import PreferenceNet, Tokens, tokens_of
from penchant.model.optimisers import Stepper
from penchant.model.repeat import empty_memory
from penchant.model.sampling import NegativeSampler, found_in
from penchant.model.settings import ModelSettings

PEOPLE, PASSES = 64, 30
"""Side by side in a batch; over the log at most."""

MASKED, CROPPED, REORDERED, HEAT = 0.3, 0.6, 0.3, 0.2
"""Shares of a history that are masked, kept by a crop, and reordered; temperature of the two views."""


@dataclass(frozen=True, slots=True, eq=False)
class Unlabelled:
    """What may be read: of each person the events up to ``ends`` (P,)."""

    histories: Histories
    queries: FloatArray | None
    ends: IntArray

    @classmethod
    def of(cls, histories: Histories, queries: FloatArray | None, held_out: Questions) -> "Unlabelled":
        """All events before each person's held-out moment."""
        ends = histories.offsets[1:].copy()
        np.minimum.at(ends, held_out.people, held_out.ends)
        return cls(histories, queries, ends)

    def counts(self, n_items: int) -> FloatArray:
        """How often each item is in it, (n_items,)."""
        known = np.arange(self.histories.events) < self.ends[self.histories.person_of_event()]
        items = self.histories.items[known & (self.histories.items >= 0)]
        return np.bincount(items, minlength=n_items).astype(np.float32)

    def runs(self, window: int, rng: np.random.Generator) -> Iterator[list[IntArray]]:
        """One pass: a random stretch of up to ``window`` events of each person with two or more, by 64."""
        starts = self.histories.offsets[:-1]
        people = rng.permutation(np.flatnonzero(self.ends - starts > 1))
        for at in range(0, len(people), PEOPLE):
            group = people[at : at + PEOPLE]
            spare = np.maximum(self.ends[group] - starts[group] - window, 0)
            begins = starts[group] + rng.integers(0, spare + 1)
            stops = np.minimum(begins + window, self.ends[group])
            yield [np.arange(a, b) for a, b in zip(begins.tolist(), stops.tolist(), strict=True)]


class Pretrainer:
    """Moves the weights of a net by the named objectives."""

    def __init__(
        self, net: PreferenceNet, log: Unlabelled, settings: ModelSettings, rng: np.random.Generator
    ) -> None:
        self.net, self.log, self.rng = net, log, rng
        self.settings = settings
        self.days, self.sessions = days_between(log.histories), sessions_of(log.histories)
        self.sampler = NegativeSampler(log.counts(len(net.items.ids)), settings.negatives)
        losses = {"next": self._next, "masked": self._masked, "contrastive": self._contrastive}
        self.losses = [losses[name] for name in settings.objectives]

    def run(self, over: Callable[[int, float], bool]) -> int:
        """Steps until ``over``, which hears of each step and its loss, says so, or the passes are made."""
        stepper = Stepper(self.net, replace(self.settings, accumulate=1))
        self.net.train()
        step = 0
        for _ in range(PASSES):
            for runs in self.log.runs(self.settings.window, self.rng):
                loss = torch.stack([objective(runs) for objective in self.losses]).mean()
                stepper.backward(loss, len(runs))
                step += 1
                if over(step, loss.item()):
                    return step
        return step

    def _next(self, runs: list[IntArray]) -> Tensor:
        tokens, inside = self._tokens(runs)
        h = self._read(tokens)[:-1]  # before each event
        return self._named(h, tokens.items, inside & (tokens.items.numpy() >= 0))

    def _masked(self, runs: list[IntArray]) -> Tensor:
        tokens, inside = self._tokens(runs)
        gone = inside & (tokens.items.numpy() >= 0) & (self.rng.random(inside.shape) < MASKED)
        return self._named(self._read(_without(tokens, gone))[1:], tokens.items, gone)

    def _contrastive(self, runs: list[IntArray]) -> Tensor:
        one, two = (F.normalize(self._view(runs), dim=-1) for _ in range(2))
        alike = one @ two.T / HEAT
        same = torch.arange(len(runs))
        return (F.cross_entropy(alike, same) + F.cross_entropy(alike.T, same)) / 2

    def _view(self, runs: list[IntArray]) -> Tensor:
        """Behaviour (B, D) after a changed history."""
        changed = [_changed(run, self.rng) for run in runs]
        tokens, inside = self._tokens([rows for rows, _ in changed])
        gone = np.zeros_like(inside)
        for column, (rows, masked) in enumerate(changed):
            gone[: len(rows), column] = masked
        lengths = torch.tensor([len(rows) for rows, _ in changed])
        return self.net.last(_without(tokens, gone), lengths)

    def _read(self, tokens: Tokens) -> Tensor:
        """Behaviour before and after each event, (L + 1, B, D)."""
        return self.net(tokens, *self.net.beginners(tokens.items.shape[1]))[0]

    def _named(self, h: Tensor, items: Tensor, asked: NDArray[np.bool_]) -> Tensor:
        """Cross-entropy of items (L, B) by behaviour (L, B, D), where ``asked``."""
        places = torch.from_numpy(np.flatnonzero(asked))
        if not len(places):
            return h.sum() * 0
        here, right = h.flatten(0, 1).index_select(0, places), items.flatten()[places]
        drawn, log_q = self.sampler.draw(self.rng)
        vectors, bias = self.net.items(torch.cat([torch.from_numpy(drawn), right]))
        own = (here * vectors[len(drawn) :]).sum(-1, keepdim=True) + bias[len(drawn) :, None]
        sample = here @ vectors[: len(drawn)].T + bias[: len(drawn)]
        doubles = torch.zeros(sample.shape, dtype=torch.bool)
        doubles[tuple(torch.from_numpy(rows) for rows in found_in(drawn, right.numpy()))] = True
        sample = sample.masked_fill(doubles, -torch.inf)
        owner = torch.arange(len(places))
        return sampled_cross_entropy(
            own, sample, torch.from_numpy(log_q), owner, owner * 0, weight=torch.ones(len(owner))
        )

    def _tokens(self, runs: list[IntArray]) -> tuple[Tokens, NDArray[np.bool_]]:
        """What the net reads of runs of events, and which places of (L, B) are in a run."""
        lengths = np.array([len(run) for run in runs])
        inside = np.arange(lengths.max())[:, None] < lengths
        rows = np.zeros(inside.shape, np.int64)
        rows.T[inside.T] = np.concatenate(runs)
        none, memory = np.zeros(0, np.int64), empty_memory(0, 1)
        days, sessions = self.days[rows], self.sessions[rows]
        batch = Batch(rows, lengths, days, sessions, False, none, none, none, memory, np.zeros(0))
        return tokens_of(self.log.histories, batch, self.log.queries), inside


def _without(tokens: Tokens, gone: NDArray[np.bool_]) -> Tokens:
    """Without the items of some events: their types and time gaps stay."""
    return replace(tokens, items=tokens.items.masked_fill(torch.from_numpy(gone), -1))


def _changed(run: IntArray, rng: np.random.Generator) -> tuple[IntArray, NDArray[np.bool_]]:
    """A view of a run: cropped, masked or reordered; and which of its events have no item."""
    kind, none = rng.integers(3), np.zeros(len(run), bool)
    if kind == 0:
        keep = max(1, round(CROPPED * len(run)))
        start = rng.integers(len(run) - keep + 1)
        return run[start : start + keep], none[:keep]
    if kind == 1:
        return run, rng.random(len(run)) < MASKED
    long = max(min(2, len(run)), round(REORDERED * len(run)))
    start = rng.integers(len(run) - long + 1)
    mixed = run.copy()
    mixed[start : start + long] = rng.permutation(mixed[start : start + long])
    return mixed, none
