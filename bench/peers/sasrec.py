"""RecTools' transformers: SASRec (Kang and McAuley, ICDM 2018), the same with text, eSASRec (RecSys 2025).

The networks, losses and training steps are RecTools' own. Around them: long histories are cut into pieces of
``session_max_len``, so that all events train; validation after each epoch with the metric that is
reported; the best epoch is kept; and the net is asked with each question's own history.
"""

import copy
import logging
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from exchange import Clock, Task, answer, history_matrix, ndcg
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from rectools.models.nn.item_net import IdEmbeddingsItemNet, ItemNetBase
from rectools.models.nn.transformers.lightning import TransformerLightningModule
from rectools.models.nn.transformers.ligr import LiGRLayers
from rectools.models.nn.transformers.sasrec import SASRecTransformerLayers

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="pytorch_lightning")
warnings.filterwarnings("ignore", module="rectools|pydantic|implicit")

VALIDATED = 4_000
"""Validation questions that are asked after each epoch, at most."""


@dataclass(frozen=True)
class Settings:
    """Of one training; the rest is RecTools' default.

    Attributes:
        net: ``sasrec`` or ``ligr``. text: item vector = id + projection of text, instead of id alone.
        only_target: learn from and look at events of the predicted type alone.
        minutes: processor minutes after which the epoch that runs is the last. patience: epochs without a
            better validation before the end.
    """

    net: str = "sasrec"
    text: bool = False
    only_target: bool = False
    factors: int = 64
    blocks: int = 2
    heads: int = 2
    dropout: float = 0.3
    length: int = 50
    loss: str = "softmax"
    negatives: int = 256
    batch: int = 128
    lr: float = 1e-3
    epochs: int = 100
    patience: int = 5
    minutes: float = 30.0
    threads: int = 1


class TextItemNet(ItemNetBase):
    """An item net of RecTools' form: a learned projection of frozen text vectors.

    RecTools makes it from its data set and finds its class by name, so the vectors come as ``table``.
    """

    table = torch.zeros(0, 0)

    def __init__(self, rows: np.ndarray, n_factors: int):
        super().__init__()
        text = self.table[torch.from_numpy(rows)]
        text[0] = 0  # the padding
        self.register_buffer("text", text, persistent=False)
        self.project = torch.nn.Linear(text.shape[1], n_factors, bias=False)

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        return self.project(self.text[items])

    @classmethod
    def from_dataset(cls, dataset, n_factors, dropout_rate, **kwargs):  # noqa: ARG003 - of the interface
        return cls(np.append(0, dataset.item_id_map.external_ids[1:]).astype(np.int64), n_factors)

    @property
    def out_dim(self) -> int:
        return self.project.out_features


def white(text: np.ndarray) -> torch.Tensor:
    """Text vectors whitened to at most 128 dimensions, zero where there is no text."""
    known = np.abs(text).sum(axis=1) > 0
    centred = text - text[known].mean(axis=0)
    _, scale, axes = np.linalg.svd(centred[known], full_matrices=False)
    width = min(128, len(scale))
    made = centred @ axes[:width].T / scale[:width] * np.sqrt(known.sum())
    return torch.from_numpy(np.where(known[:, None], made, 0.0).astype(np.float32))


class Packed(TransformerLightningModule):
    """RecTools' training step without the padding, of which nine tenths of a batch may consist.

    Padding gets no attention, so columns that are padding in all rows can be cut off, and logits are
    taken where there is something to predict: the same loss to rounding, several times as quick.
    """

    def training_step(self, batch, batch_idx):  # noqa: ARG002 - of the interface
        used = int((batch["x"] != 0).any(dim=0).sum())
        batch = {name: part[:, -used:] for name, part in batch.items()}
        table = self.torch_model.item_model.get_all_embeddings()
        places = batch["y"] != 0
        h, answers = self.torch_model.encode_sessions(batch, table)[places], batch["y"][places]
        if self.loss == "softmax":
            return torch.nn.functional.cross_entropy(h @ table.T, answers)
        if self.loss != "sampled_softmax":
            raise ValueError(f"loss {self.loss!r} has no form without padding")
        candidates = torch.cat([answers[:, None], batch["negatives"][places]], dim=1)
        logits = (table[candidates] @ h[:, :, None])[..., 0]
        return torch.nn.functional.cross_entropy(logits, torch.zeros_like(answers))


class Watch(Callback):
    """Validates after each epoch, keeps the best weights, stops."""

    def __init__(self, peer: "Peer", settings: Settings, clock: Clock):
        self.peer, self.settings, self.clock = peer, settings, clock
        self.curve: list[dict[str, float]] = []
        self.best, self.weights, self.epoch = -1.0, None, 0
        self.asking = 0.0

    def __deepcopy__(self, memo) -> "Watch":
        """RecTools copies its trainer; what is watched is the one that was given."""
        return self

    def on_train_epoch_end(self, trainer, module) -> None:
        self.epoch += 1
        spent = self.clock.read()
        valid = self.peer.valid
        if valid is not None:
            score = ndcg(self.peer.lists(valid), valid)
            module.train()
            self.curve.append({"epoch": self.epoch, **spent, "ndcg@10": round(score, 5)})
            print(self.curve[-1], flush=True)
            if score > self.best:
                self.best, self.weights = score, copy.deepcopy(module.torch_model.state_dict())
        else:
            self.curve.append({"epoch": self.epoch, **spent})
        stale = valid is not None and self.epoch - self.best_epoch() >= self.settings.patience
        trainer.should_stop = stale or self.clock.processor() > 60 * self.settings.minutes

    def best_epoch(self) -> int:
        """The first one with the best validation; the last one where there is none."""
        if self.weights is None:
            return self.epoch
        return 1 + max(range(len(self.curve)), key=lambda n: self.curve[n]["ndcg@10"])


class Peer:
    """One RecTools transformer on one task."""

    def __init__(self, task: Task, settings: Settings, seed: int):
        self.task, self.settings, self.seed = task, settings, seed
        self.prior = task.popularity().astype(np.float32)
        self.valid = task.valid
        if self.valid is not None and len(self.valid) > VALIDATED:
            rows = np.random.default_rng(0).permutation(len(self.valid))[:VALIDATED]
            self.valid = self.valid.take(np.sort(rows))
        self.keep = task.wanted(task.full, settings.only_target)

    def fit(self) -> dict:
        """Train; what happened."""
        s = self.settings
        torch.set_num_threads(s.threads)
        seed_everything(self.seed, verbose=False)
        clock = Clock()
        watch = Watch(self, s, clock)
        self.model = SASRecModel(
            n_blocks=s.blocks,
            n_heads=s.heads,
            n_factors=s.factors,
            dropout_rate=s.dropout,
            session_max_len=s.length,
            loss=s.loss,
            n_negatives=s.negatives,
            lr=s.lr,
            batch_size=s.batch,
            item_net_block_types=self._items(),
            use_key_padding_mask=True,
            lightning_module_type=Packed,
            transformer_layers_type=LiGRLayers if s.net == "ligr" else SASRecTransformerLayers,
        )
        self.model._trainer = _trainer(s.epochs, watch)
        self.model.fit(self._dataset())
        if watch.weights is not None:
            self.model.lightning_model.torch_model.load_state_dict(watch.weights, strict=True)
        return {"curve": watch.curve, "best_epoch": watch.best_epoch()}

    def _items(self) -> tuple:
        if not self.settings.text or self.task.text is None:
            return (IdEmbeddingsItemNet,)
        TextItemNet.table = white(self.task.text)
        return (IdEmbeddingsItemNet, TextItemNet)

    def _dataset(self) -> Dataset:
        train = self.task.train
        rows = np.flatnonzero(self.task.wanted(train, self.settings.only_target))
        person = train.people()[rows]
        first = np.searchsorted(person, person)
        piece = (np.arange(len(rows)) - first) // self.settings.length
        _, user = np.unique(person * (piece.max() + 1) + piece, return_inverse=True)
        # Times that only say the order: RecTools sorts by them, and a day holds many events.
        order = pd.Timestamp("2000-01-01") + pd.to_timedelta(np.arange(len(rows)), unit="s")
        frame = pd.DataFrame(
            {
                Columns.User: user,
                Columns.Item: train.items[rows],
                Columns.Weight: 1.0,
                Columns.Datetime: order,
            }
        )
        return Dataset.construct(frame)

    def lists(self, asked) -> np.ndarray:
        """Answers of the weights as they are."""
        module, ids = self.model.lightning_model, self.model.data_preparator.item_id_map
        inside = np.zeros(self.task.n_items, np.int64)
        external = ids.external_ids[1:].astype(np.int64)
        inside[external] = np.arange(1, ids.size)
        known = self.keep.copy()
        known[known] = inside[self.task.full.items[known]] > 0
        owner, events = history_matrix(self.task.full, known, asked, self.settings.length)
        sequences = np.zeros((len(asked), self.settings.length), np.int64)
        counts = np.bincount(owner, minlength=len(asked))
        ends = np.cumsum(counts)
        place = np.arange(len(owner)) - ends[owner] + self.settings.length
        sequences[owner, place] = inside[self.task.full.items[events]]
        net = module.torch_model.eval()
        with torch.no_grad():
            table = net.item_model.get_all_embeddings()

            def score(rows: np.ndarray) -> np.ndarray:
                scores = np.full((len(rows), self.task.n_items), -np.inf, np.float32)
                for part in np.array_split(np.arange(len(rows)), max(1, len(rows) // 256)):
                    batch = {"x": torch.from_numpy(sequences[rows[part]])}
                    h = net.encode_sessions(batch, table)[:, -1]
                    scores[part[:, None], external] = (h @ table[1:].T).numpy()
                scores[counts[rows] == 0] = self.prior
                return scores

            return answer(asked, score, self.task.n_items, self.prior)


def _trainer(epochs: int, watch: Watch) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[watch],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
