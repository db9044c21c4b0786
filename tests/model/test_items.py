import numpy as np
import torch

from penchant.model.items import ItemTable


def test_gradients_are_those_of_plain_indexing(rng) -> None:
    """Also of rows named twice, and of two readings of the table."""
    table = ItemTable(rng.normal(size=(9, 4)).astype(np.float32), np.ones(9, np.float32), 3)
    once, again = torch.tensor([[4, 1], [4, 8]]), torch.tensor([1, 0, 1])

    def loss(vectors: torch.Tensor, biases: torch.Tensor) -> torch.Tensor:
        return (vectors.square().sum(-1) * torch.arange(vectors[..., 0].numel()).view_as(biases)).sum() + (
            biases.exp().sum()
        )

    (loss(*table(once)) + loss(*table(again))).backward()
    found = [weight.grad.clone() for weight in table.parameters()]
    table.zero_grad()
    plain = [
        loss(table.ids[rows] + table.project(table.white[rows]), table.bias[rows]) for rows in (once, again)
    ]
    torch.stack(plain).sum().backward()
    for weight, grad in zip(table.parameters(), found, strict=True):
        torch.testing.assert_close(weight.grad, grad)
    assert not found[0][5].any()


def test_reading_without_gradients_gives_the_same(rng) -> None:
    table = ItemTable(rng.normal(size=(9, 4)).astype(np.float32), np.ones(9, np.float32), 3)
    rows = torch.tensor([3, 3, 7])
    with torch.no_grad():
        plain = table(rows)
    for one, other in zip(table(rows), plain, strict=True):
        torch.testing.assert_close(one, other)
