"""The net: tokens, encoder, item table and heads put together."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from penchant.model.dials import RANGE, Dials
from penchant.model.encoders import make_encoder
from penchant.model.encoders.fused import Drop, RmsNorm
from penchant.model.examples import Batch
from penchant.model.heads import AuxiliaryTask, RatingHead, RepeatHead
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.items import ItemTable
from penchant.model.moments import HOURS, WEEKDAYS, Moments
from penchant.model.settings import INPUTS, ModelSettings
from penchant.model.tokens import GAPS, KINDS, SESSIONS, gap_class, rating_signal
from penchant.model.trend import LIFETIMES


class TokenTable(nn.Module):
    """An event as a vector: item or query, type, time gap, place in the session and rating."""

    def __init__(self, dim: int, white: int, dropout: float) -> None:
        super().__init__()
        self.kind = nn.Parameter(torch.randn(KINDS, dim) * 0.02)
        self.gap = nn.Parameter(torch.randn(GAPS, dim) * 0.02)
        self.session = nn.Parameter(torch.zeros(SESSIONS, dim))
        self.value = nn.Parameter(torch.randn(dim) * 0.02)
        self.query = nn.Linear(white, dim, bias=False)
        nn.init.normal_(self.query.weight, std=0.02)
        self.norm = RmsNorm(dim)
        self.drop = Drop(dropout)

    def forward(self, what: Tensor, read: "Tokens") -> Tensor:
        """Item or query vectors (L, B, D) and all else that is read to (L, B, D)."""
        near = nn.functional.embedding(read.kinds, self.kind) + nn.functional.embedding(read.gaps, self.gap)
        near = near + nn.functional.embedding(read.sessions, self.session)
        return self.drop(self.norm(what + near + read.values[..., None] * self.value))


class AskTable(nn.Module):
    """What is added to behaviour when a list is asked for; an event costs nothing for it. Begins at zero."""

    def __init__(self, dim: int, words: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.word = nn.Parameter(torch.zeros(words + 1, dim))
        self.hour = nn.Parameter(torch.zeros(HOURS, dim))
        self.weekday = nn.Parameter(torch.zeros(WEEKDAYS, dim))
        self.pause = nn.Parameter(torch.zeros(GAPS, dim))

    def forward(self, h: Tensor, at: Moments) -> Tensor:
        """Behaviour (P, D) at these P moments."""
        h = h + nn.functional.embedding(torch.from_numpy(at.hours), self.hour)
        h = h + nn.functional.embedding(torch.from_numpy(at.weekdays), self.weekday)
        h = h + nn.functional.embedding(torch.from_numpy(at.pauses), self.pause)
        return h if at.words is None else h + self._about(torch.from_numpy(at.words))

    def _about(self, words: Tensor) -> Tensor:
        """Mean of each one's words (P, ·). In training some people are not known, as many in a shop."""
        nobody = len(self.word) - 1
        mean = nn.functional.embedding_bag(words, self.word, mode="mean", padding_idx=nobody)
        if not (self.training and self.dropout):
            return mean
        return mean * (torch.rand(len(words), 1) >= self.dropout)


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """What the net reads of a batch, all (L, B); ``queries`` (L, B, W) or None where nobody searched."""

    items: Tensor
    kinds: Tensor
    gaps: Tensor
    sessions: Tensor
    values: Tensor
    days: Tensor
    queries: Tensor | None


def tokens_of(histories: Histories, batch: Batch, queries: FloatArray | None) -> Tokens:
    """Columns of the batch's events; ``queries`` holds whitened vectors of search texts, (·, W)."""
    rows = batch.rows
    kinds, asked = histories.types[rows], histories.queries[rows]
    return Tokens(
        items=torch.from_numpy(histories.items[rows].astype(np.int64)),
        kinds=torch.from_numpy(kinds.astype(np.int64)),
        gaps=torch.from_numpy(gap_class(batch.days)),
        sessions=torch.from_numpy(batch.sessions),
        values=torch.from_numpy(rating_signal(histories.values[rows], kinds)),
        days=torch.from_numpy(batch.days),
        queries=_queries(asked, queries),
    )


def _queries(asked: np.ndarray, queries: FloatArray | None) -> Tensor | None:
    if queries is None or not (asked >= 0).any():
        return None
    return torch.from_numpy(np.where((asked >= 0)[..., None], queries[np.maximum(asked, 0)], np.float32(0)))


class PreferenceNet(nn.Module):
    """All weights of a preference model.

    ``white``, ``counts`` and ``levels`` as in :class:`ItemTable`; ``words``: how many are known of people.
    """

    def __init__(
        self,
        white: FloatArray,
        counts: FloatArray,
        settings: ModelSettings,
        levels: IntArray | None = None,
        words: int = 0,
    ) -> None:
        super().__init__()
        dim = settings.dim
        self.items = ItemTable(white, counts, dim, settings.id_dropout, levels)
        self.tokens = TokenTable(dim, white.shape[1], settings.dropout)
        self.encoder = make_encoder(settings.encoder, dim, settings.layers, settings.dropout)
        self.start = nn.Parameter(torch.randn(dim) * 0.02)
        self.asked = AskTable(dim, words, settings.dropout)
        self.repeat = RepeatHead(dim)
        self.rating = RatingHead(dim)
        self.auxiliary = AuxiliaryTask(dim, len(white))
        self.trend = nn.Parameter(torch.full((len(LIFETIMES),), 1.0 / len(LIFETIMES)))
        self.personal: Tensor
        self.novelty: Tensor
        self.register_buffer("personal", torch.ones(()))
        self.register_buffer("novelty", torch.zeros(()))
        self.open: Tensor
        self.register_buffer("open", torch.zeros(RANGE))
        self.steep: Tensor
        self.register_buffer("steep", torch.ones(()))
        self.trend_trained: Tensor
        self.register_buffer("trend_trained", self.trend.detach().clone())
        self.unseen: Tensor
        self.register_buffer("unseen", torch.zeros(2))
        for name in set(INPUTS) - set(settings.read):
            for weight in self._tables(name):
                weight.requires_grad_(False).zero_()

    def _tables(self, name: str) -> list[Tensor]:
        """What an input is read by: where all of it is zero, the input says nothing."""
        tokens, asked = self.tokens, self.asked
        tables: dict[str, list[Tensor]] = {
            "types": [tokens.kind],
            "gaps": [tokens.gap],
            "sessions": [tokens.session],
            "ratings": [tokens.value],
            "queries": [tokens.query.weight],
            "text": [self.items.project.weight],
            "price": [self.items.price],
            "attributes": [asked.word],
            "clock": [asked.hour, asked.weekday, asked.pause],
        }
        return tables[name]

    def beginners(self, people: int) -> tuple[Tensor, Tensor]:
        """State (B, S) and behaviour (B, D) of people who did nothing yet."""
        return torch.zeros(people, self.encoder.state_size), self.start.expand(people, -1)

    def dial(self, dials: Dials) -> None:
        """Set what the parts of a score count."""
        with torch.no_grad():
            self.trend_trained.copy_(self.trend)
            self.steep.fill_(dials.steep)
            self.personal.fill_(dials.personal)
            self.items.bias.mul_(dials.steep)
            self.novelty.fill_(dials.novelty)
            self.trend.copy_(torch.from_numpy(dials.trend))
            self.open.copy_(torch.from_numpy(dials.open))

    def undial(self) -> Dials:
        """Weigh the parts as they were trained, so that training can go on; the dials as they were."""
        steep = float(self.steep)
        before = Dials(
            personal=float(self.personal),
            steep=steep if steep > 0 else 1.0,  # of biases that were turned round nothing can be had back
            novelty=float(self.novelty),
            trend=self.trend.detach().numpy().copy(),
            open=self.open.numpy().copy(),
        )
        with torch.no_grad():
            self.personal.fill_(1.0)
            self.items.bias.div_(before.steep)
            self.steep.fill_(1.0)
            self.novelty.zero_()
            self.open.zero_()
            self.trend.copy_(self.trend_trained)
        return before

    def forward(self, tokens: Tokens, state: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Behaviour (L + 1, B, D) before and after each token, and the state after the last.

        Args:
            tokens: of L events.
            state: (B, S) before them.
            before: (B, D) behaviour before them.
        """
        if not len(tokens.items):
            return before[None], state
        h, state = self.encoder(self.read(tokens), tokens.days, state)
        return torch.cat([before[None], h]), state

    def last(self, tokens: Tokens, lengths: Tensor) -> Tensor:
        """Behaviour (B, D) of beginners after the first ``lengths`` (B,) of their tokens, which may be 0."""
        if not len(tokens.items):
            return self.start.expand(len(lengths), -1)
        h = self.encoder.last(self.read(tokens), tokens.days, (lengths - 1).clamp_min(0))
        return torch.where((lengths > 0)[:, None], h, self.start)

    def read(self, tokens: Tokens) -> Tensor:
        """Tokens as vectors (L, B, D)."""
        has_item = (tokens.items >= 0)[..., None]
        what = self.items.read(tokens.items.clamp_min(0)) * has_item
        if tokens.queries is not None:
            what = what + self.tokens.query(tokens.queries)
        return self.tokens(what, tokens)
