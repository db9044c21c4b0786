"""Steps on the weights: the optimiser, its groups, gradients of several batches, the mean along training."""

import inspect
from copy import deepcopy
from typing import TypeVar, cast

import torch

from penchant.model.net import PreferenceNet
from penchant.model.settings import ModelSettings

DECAY = 0.998
"""Of the mean of the weights, for each step."""

REPEAT_PACE, TREND_PACE = 3.0, 10.0
"""Step sizes of the repeat head and of the trend's weights, times that of the others."""

CLIP = 5.0
"""Longest gradient."""

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)


def _uncompiled(kind: type[Kind]) -> type[Kind]:
    """The optimiser ``kind`` without what torch keeps ready around it for ``torch.compile``.

    The first of torch's own in a process loads the compiler, a thousand modules: a second of each training
    and learner. What they compute is the same.
    """
    names = ("add_param_group", "state_dict", "load_state_dict", "zero_grad", "step")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return cast(
        type[Kind], type(kind.__name__, (kind,), methods | {"step": torch.no_grad()(methods["step"])})
    )


AdamW = _uncompiled(torch.optim.AdamW)
Adagrad = _uncompiled(torch.optim.Adagrad)
LBFGS = _uncompiled(torch.optim.LBFGS)


def make_optimizer(net: PreferenceNet, settings: ModelSettings) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, ICLR 2019) or Adagrad (Duchi et al., JMLR 2011), as the settings say.

    The few weights that every example shares, and that start far from their place, go faster. Id vectors
    have a weight decay of their own. AdamW's is decoupled from the gradient; Adagrad's is added to it.
    """
    shared = {"repeat.": REPEAT_PACE, "trend": TREND_PACE, "items.ids": 1.0}
    groups: dict[str, list[torch.Tensor]] = {"": [], **{name: [] for name in shared}}
    for name, weight in net.named_parameters():
        groups[next((group for group in shared if name.startswith(group)), "")].append(weight)
    parts = [
        {
            "params": groups[name],
            "lr": settings.lr * shared.get(name, 1.0),
            "weight_decay": settings.id_decay if name == "items.ids" else settings.weight_decay,
        }
        for name in groups
    ]
    if settings.optimizer == "adagrad":
        return Adagrad(parts, fused=True)
    return AdamW(parts, fused=True)


class RunningMean(torch.nn.Module):
    """A running mean of the weights: of half of the steps at first, later of about ``1 / (1 - DECAY)``.

    At first it is the mean of the last half of all steps, as in stochastic weight averaging (Izmailov et
    al., UAI 2018), which stands for the mean of the posterior (Mandt et al., JMLR 2017); after
    ``2 / (1 - DECAY)`` steps it is an exponential mean. Buffers stay as they were: no step moves one.

    Attributes:
        module: the net with these weights. n_averaged: steps.
    """

    n_averaged: torch.Tensor

    def __init__(self, net: PreferenceNet) -> None:
        super().__init__()
        self.module = deepcopy(net)
        self.register_buffer("n_averaged", torch.tensor(0))
        # Looked up once: in each step that is a quarter of the time of a small training.
        self._means = [weight.detach() for weight in self.module.parameters()]

    @torch.no_grad()
    def follow(self, weights: list[torch.nn.Parameter]) -> None:
        """Take in the net's ``weights`` after a step."""
        steps = float(self.n_averaged)
        share = max(1.0 - DECAY, 2.0 / (steps + 2.0))
        for mean, weight in zip(self._means, weights, strict=True):
            mean.lerp_(weight, share)
        self.n_averaged += 1


class Stepper:
    """Gradients of ``accumulate`` batches, then one step.

    Each batch counts by the questions in it, so that a step is that of one batch which holds them all.
    """

    def __init__(self, net: PreferenceNet, settings: ModelSettings) -> None:
        self.net = net
        self.optimizer = make_optimizer(net, settings)
        self.average = RunningMean(net)
        self._weights = list(net.parameters())
        self._every = settings.accumulate
        self._batches = 0
        self._questions = 0

    def backward(self, loss: torch.Tensor, questions: int) -> None:
        """Gradients of the mean ``loss`` of so many questions; a step where enough batches are together."""
        (loss * questions if self._every > 1 else loss).backward()
        self._batches += 1
        self._questions += questions
        if self._batches == self._every:
            self.step()

    def step(self) -> None:
        """What has been gathered moves the weights, if there is something."""
        if not self._batches:
            return
        if self._every > 1:
            for weight in self._weights:
                if weight.grad is not None:
                    weight.grad /= self._questions
        self._batches = self._questions = 0
        torch.nn.utils.clip_grad_norm_(self._weights, CLIP)
        self.optimizer.step()
        self.average.follow(self._weights)
        table = self.net.items.ids.grad
        self.optimizer.zero_grad(set_to_none=True)
        self.net.items.ids.grad = None if table is None else table.zero_()  # see Gather
