"""Causal self-attention over the last events: SASRec (Kang and McAuley, ICDM 2018), in its pre-norm form.

Every event attends to itself and to the :data:`WINDOW` - 1 events before it, in every layer, so that reading
a history at once and event by event is the same. Where an event stands is a learned bias for how many events
ago it was (Raffel et al., T5, 2020) instead of a learned position, and attention falls with a learned power
of the hours between two events. The gated MLP is the one of the ``recurrent`` encoder.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.model.encoders.fused import Drop, RmsNorm, gated_mlp
from penchant.model.encoders.protocol import Encoder

WINDOW = 50
"""Events that an event attends to, itself among them."""

CHUNK = 64
"""Events that are read at once, so that memory does not grow with the square of a history's length."""

HEAD = 32
"""Width of a head, or a little more."""


def heads_of(dim: int) -> int:
    """Number of heads: as many of about :data:`HEAD` as divide ``dim``.

    >>> [heads_of(dim) for dim in (8, 64, 100, 128)]
    [1, 2, 2, 4]
    """
    return next(heads for heads in range(max(1, dim // HEAD), 0, -1) if dim % heads == 0)


class Layer(nn.Module):
    """Attention and a gated MLP, both residual."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads_of(dim)
        self.norm = RmsNorm(dim)
        self.mix = nn.Linear(dim, 3 * dim)
        self.ago = nn.Parameter(torch.zeros(self.heads, WINDOW))
        self.fade = nn.Parameter(torch.zeros(self.heads))
        self.out = nn.Linear(dim, dim)
        self.mlp_norm = RmsNorm(dim)
        self.up = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(2 * dim, dim)
        self.drop = Drop(dropout)

    def forward(self, x: Tensor, before: Tensor, near: "Near") -> tuple[Tensor, Tensor]:
        """Events (L, B, D) and keys and values of those before (·, B, 2D) to (L, B, D) and all of them."""
        query, fresh = self.mix(self.norm(x)).split([x.shape[-1], 2 * x.shape[-1]], -1)
        known = torch.cat([before, fresh]) if len(before) else fresh
        return self.read(x, query, known, near), known

    def last(self, x: Tensor, ends: Tensor, near: "Near") -> Tensor:
        """(B, D) for the events ``ends`` (B,) of beginners: of all others only keys and values are made."""
        dim, rows = x.shape[-1], torch.arange(x.shape[1])
        even, weight, bias = self.norm(x), self.mix.weight, self.mix.bias
        query = F.linear(even[ends, rows][None], weight[:dim], bias[:dim])
        known = F.linear(even, weight[dim:], bias[dim:])
        return self.read(x[ends, rows][None], query, known, near)[0]

    def read(self, x: Tensor, query: Tensor, known: Tensor, near: "Near") -> Tensor:
        """What the layer makes of events (Q, B, D) that see the keys and values ``known`` (K, B, 2D)."""
        key, value = (self._by_head(part) for part in known.chunk(2, -1))
        bias = near.bias(self.ago, self.fade)
        seen = F.scaled_dot_product_attention(self._by_head(query), key, value, attn_mask=bias)
        x = x + self.drop(self.out(seen.permute(2, 0, 1, 3).flatten(-2)))
        return gated_mlp(x, self.mlp_norm, self.up, self.down, self.drop)

    def _by_head(self, x: Tensor) -> Tensor:
        """(L, B, D) to (B, heads, L, D / heads)."""
        return x.unflatten(-1, (self.heads, -1)).permute(1, 2, 0, 3)


class Near:
    """Which of K known events some of them see, and how many events and how long ago each was.

    Args:
        clock: (K, B) float64 hours, one for each known event; NaN where there is none.
        now: (Q, B) places of those that see among the known ones; (Q, 1) where all people's are the same.
    """

    def __init__(self, clock: Tensor, now: Tensor) -> None:
        times = clock.T
        seeing = now.T[..., None]
        ago = seeing - torch.arange(len(clock))
        inside = (ago >= 0) & (ago < WINDOW)
        self.ago = ago.clamp(0, WINDOW - 1)
        here = times.gather(1, now.T.expand(len(times), -1))
        hours = here[..., None] - times[:, None]
        self.log_hours = hours.clamp_min(0).nan_to_num(0).float().log1p()[:, None]
        seen = inside & ~times.isnan()[:, None]
        self.shut = torch.zeros(seen.shape).masked_fill(~seen, -torch.inf)[:, None]

    def bias(self, ago: Tensor, fade: Tensor) -> Tensor:
        """Added to attention before the softmax, (B, heads, Q, K)."""
        steps = ago.index_select(1, self.ago.flatten()).unflatten(-1, self.ago.shape).transpose(0, 1)
        return torch.addcmul(self.shut + steps, self.log_hours, fade[:, None, None], value=-1)


class Transformer(Encoder):
    """See the module.

    State: keys and values of the last events in each layer, oldest first, then for each of these events 1 +
    the hours from it to the newest one, 0 for none.
    """

    def __init__(self, dim: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(dim, dropout) for _ in range(layers))
        self.norm = RmsNorm(dim)
        self.state_size = (WINDOW - 1) * (2 * dim * layers + 1)

    def forward(self, x: Tensor, days: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        out: list[Tensor] = []
        for start in range(0, len(x), CHUNK):
            part = slice(start, start + CHUNK)
            h, state = self._read(x[part], days[part], state)
            out.append(h)
        return (out[0] if len(out) == 1 else torch.cat(out)), state

    def last(self, x: Tensor, days: Tensor, ends: Tensor) -> Tensor:
        if len(x) > CHUNK:
            return super().last(x, days, ends)
        clock = _clock(days.new_zeros(days.shape[1], 0), days)
        near = Near(clock, torch.arange(len(x))[:, None])
        for layer in self.layers[:-1]:
            x, _ = layer(x, x[:0], near)
        top = cast(Layer, self.layers[-1])
        return self.norm(top.last(x, ends, Near(clock, ends[None])))

    def _read(self, x: Tensor, days: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        length, people, dim = x.shape
        kept, ages = state[:, : 1 - WINDOW], state[:, 1 - WINDOW :]
        old = int((ages > 0).sum(-1).max())
        clock = _clock(ages[:, WINDOW - 1 - old :], days)
        near = Near(clock, torch.arange(old, old + length)[:, None])
        before = kept.reshape(people, len(self.layers), WINDOW - 1, 2 * dim)[:, :, WINDOW - 1 - old :]
        after: list[Tensor] = []
        for place, layer in enumerate(self.layers):
            x, known = layer(x, before[:, place].transpose(0, 1), near)
            after.append(_last(known).transpose(0, 1).flatten(1))
        ages = (1 + clock[-1] - clock).nan_to_num(0).float()
        return self.norm(x), torch.cat([*after, _last(ages).T], -1)


def _clock(ages: Tensor, days: Tensor) -> Tensor:
    """Hours of each known event (K, B), double: sums of single ones would forget minutes after years."""
    old = torch.where(ages > 0, 1 - ages.double(), torch.nan)
    return torch.cat([old.T, (24 * days.double()).cumsum(0)])


def _last(rows: Tensor) -> Tensor:
    """The last rows that a state holds, after rows of zeros where there are fewer."""
    missing = WINDOW - 1 - len(rows)
    return rows[-missing:] if missing <= 0 else torch.cat([rows.new_zeros(missing, *rows.shape[1:]), rows])
