"""The loss of distillation: how far what one net says is from what another one tells it."""

import torch
from torch import Tensor

from penchant.errors import InvalidInput


def divergence(told: Tensor, said: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of the chances ``softmax(said)`` from ``softmax(told)``, both (P, K).

    Hinton, Vinyals and Dean, Distilling the knowledge in a neural network, 2015, at temperature 1.

    >>> one, other = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    >>> round(divergence(one, other).item(), 4), divergence(one, one + 3).item()
    (0.4621, 0.0)
    """
    if told.ndim != 2 or told.shape != said.shape:
        raise InvalidInput(f"shapes that do not fit together: {tuple(told.shape)}, {tuple(said.shape)}")
    told, said = torch.log_softmax(told, 1), torch.log_softmax(said, 1)
    return (told.exp() * (told - said)).sum(1).mean()
