import numpy as np
import torch

from penchant.model.items import ItemTable


def test_a_price_level_that_no_item_had_is_the_mean_of_the_others() -> None:
    white, counts = np.zeros((2, 4), np.float32), np.ones(2, np.float32)
    table = ItemTable(white, counts, 3, levels=np.array([1, 4]))
    table.price.data.normal_()
    found, own = table.price_vectors(), table.price.detach().numpy()
    np.testing.assert_array_equal(found[[1, 4]], own[[1, 4]])
    np.testing.assert_allclose(found[[0, 10]], np.tile(own[[1, 4]].mean(0), (2, 1)), rtol=1e-6)


def test_gradients_are_those_of_plain_indexing(rng) -> None:
    """Also of rows named twice, and of two readings of the table."""
    levels = rng.integers(0, 11, 9)
    table = ItemTable(rng.normal(size=(9, 4)).astype(np.float32), np.ones(9, np.float32), 3, levels=levels)
    table.price.data.normal_()
    once, again = torch.tensor([[4, 1], [4, 8]]), torch.tensor([1, 0, 1])

    def loss(vectors: torch.Tensor, biases: torch.Tensor) -> torch.Tensor:
        return (vectors.square().sum(-1) * torch.arange(vectors[..., 0].numel()).view_as(biases)).sum() + (
            biases.exp().sum()
        )

    (loss(*table(once)) + loss(*table(again))).backward()
    found = {name: weight.grad.clone() for name, weight in table.named_parameters()}
    table.zero_grad()
    own, text = table.balance
    plain = [
        loss(
            table.ids[rows] * own + table.project(table.white[rows]) * text + table.price[levels[rows]],
            table.bias[rows],
        )
        for rows in (once, again)
    ]
    torch.stack(plain).sum().backward()
    for name, weight in table.named_parameters():
        torch.testing.assert_close(weight.grad, found[name])
    assert not found["ids"][5].any()


def test_reading_without_gradients_gives_the_same(rng) -> None:
    table = ItemTable(rng.normal(size=(9, 4)).astype(np.float32), np.ones(9, np.float32), 3)
    rows = torch.tensor([3, 3, 7])
    with torch.no_grad():
        plain = table(rows)
    for one, other in zip(table(rows), plain, strict=True):
        torch.testing.assert_close(one, other)


def test_in_training_a_share_of_items_has_text_alone(rng) -> None:
    table = ItemTable(rng.normal(size=(400, 4)).astype(np.float32), np.ones(400, np.float32), 3, 0.25)
    rows = torch.arange(400).repeat(2)
    vectors = table(rows)[0]
    text = table.project(table.white)
    torch.testing.assert_close(vectors[:400], vectors[400:])
    alone = torch.isclose(vectors[:400], text).all(1)
    assert 0.15 < alone.float().mean() < 0.35
    vectors.sum().backward()
    assert not table.ids.grad[alone].any()
    assert table.ids.grad[~alone].all()
    table.eval()
    torch.testing.assert_close(table(rows)[0][:400], text + table.ids)


def test_weights_of_id_and_text_go_into_the_snapshot(rng) -> None:
    table = ItemTable(rng.normal(size=(9, 4)).astype(np.float32), np.ones(9, np.float32), 3)
    with torch.no_grad():
        table.balance.copy_(torch.tensor([[2.0, 1.0, 0.0], [0.5, 3.0, 1.0]]))
        vectors = table(torch.arange(9))[0].numpy()
    ids, project = table.folded()
    np.testing.assert_allclose(ids + table.white.numpy() @ project.T, vectors, atol=1e-6)
