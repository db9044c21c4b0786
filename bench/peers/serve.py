"""What people would otherwise put behind an address: ``serve.py PEER DATA.npz --port N [--redis PORT]``.

A FastAPI app as small as can be around one of

* ``implicit``: its factors by alternating least squares; the person's vector is solved anew for each list, by
  ``recommend(..., recalculate_user=True)``;
* ``rectools``: its SASRec of the published size; the person's sequence is encoded anew for each list. It has
  had a few steps of training: how long a list takes does not depend on the weights;
* ``redis``: lists made beforehand, in sorted sets. No event changes them.

Events are kept in memory (``redis``: in Redis) and are gone with the process. Answers have the form of
Penchant's, endpoints are ``async`` so that no thread is changed to, and replies are not checked again.
"""

import argparse
from abc import abstractmethod
from pathlib import Path
from typing import Protocol

import numpy as np
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

SEED, FACTORS, KEPT, STEPS, BATCH = 0, 64, 100, 3, 16
"""``KEPT`` items of a list in Redis; ``STEPS`` of training of SASRec with ``BATCH`` people each."""

Shown = list[tuple[str, float]]


class Event(BaseModel):
    user_id: str
    item_id: str
    type: str
    timestamp: float
    event_id: str | None = None


class Events(BaseModel):
    events: list[Event]


class Data:
    """Who did what: person ``users[u]`` did ``items[offsets[u]:offsets[u + 1]]``, rows of ``item_ids``."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            self.users, self.item_ids = file["users"].tolist(), file["item_ids"].tolist()
            self.offsets, self.items, self.asked = file["offsets"], file["items"], int(file["asked"])

    def histories(self) -> dict[str, list[int]]:
        """Of those who are asked about: the first ones."""
        return {
            user: self.items[self.offsets[n] : self.offsets[n + 1]].tolist()
            for n, user in enumerate(self.users[: self.asked])
        }


class Lists(Protocol):
    """What answers."""

    @abstractmethod
    async def take(self, events: list[Event]) -> None: ...

    @abstractmethod
    async def shown(self, user: str, n: int) -> Shown: ...


class InMemory(Lists):
    """Histories in a dict."""

    def __init__(self, data: Data) -> None:
        self.item_ids = data.item_ids
        self.row = {item: n for n, item in enumerate(data.item_ids)}
        self.history = data.histories()

    async def take(self, events: list[Event]) -> None:
        for event in events:
            self.history.setdefault(event.user_id, []).append(self.row[event.item_id])


class Implicit(InMemory):
    def __init__(self, data: Data) -> None:
        from implicit.als import AlternatingLeastSquares
        from scipy.sparse import csr_matrix

        super().__init__(data)
        self._row_of = csr_matrix
        people = np.repeat(np.arange(len(data.users)), np.diff(data.offsets))
        shape = (len(data.users), len(data.item_ids))
        taken = csr_matrix((np.ones(len(people), np.float32), (people, data.items)), shape=shape)
        self.model = AlternatingLeastSquares(FACTORS, num_threads=1, random_state=SEED, use_gpu=False)
        self.model.fit(taken, show_progress=False)

    async def shown(self, user: str, n: int) -> Shown:
        items = np.array(self.history[user])
        row = self._row_of(
            (np.ones(len(items), np.float32), (np.zeros(len(items), int), items)),
            shape=(1, len(self.item_ids)),
        )
        ids, scores = self.model.recommend(
            0, row, N=n, recalculate_user=True, filter_already_liked_items=False
        )
        return [(self.item_ids[i], float(score)) for i, score in zip(ids, scores, strict=True)]


class RecTools(InMemory):
    def __init__(self, data: Data) -> None:
        import pandas as pd
        import torch
        from pytorch_lightning import Trainer
        from rectools import Columns
        from rectools.dataset import Dataset
        from rectools.models import SASRecModel

        super().__init__(data)
        torch.set_num_threads(1)
        self._columns, self._frame, self._dataset = Columns, pd.DataFrame, Dataset.construct
        self._epoch = pd.Timestamp("2020-01-01")
        people = np.repeat(np.arange(len(data.users)), np.diff(data.offsets))
        self.model = SASRecModel(
            batch_size=BATCH,
            get_trainer_func=lambda: Trainer(
                max_steps=STEPS, accelerator="cpu", logger=False, enable_checkpointing=False,
                enable_progress_bar=False, enable_model_summary=False,
            )
        )  # fmt: skip
        self.model.fit(self._of(people, data.items))

    def _of(self, people: np.ndarray, items: np.ndarray):
        columns = self._columns
        when = self._epoch + np.arange(len(items)).astype("timedelta64[s]")
        named = {columns.User: people, columns.Item: items, columns.Weight: 1.0, columns.Datetime: when}
        return self._dataset(self._frame(named))

    async def shown(self, user: str, n: int) -> Shown:
        # Of the one person alone: among all people the same call takes longer.
        items = np.array(self.history[user])
        found = self.model.recommend(
            [0], self._of(np.zeros(len(items), int), items), k=n, filter_viewed=False
        )
        rows, scores = found[self._columns.Item].tolist(), found[self._columns.Score].tolist()
        return [(self.item_ids[row], score) for row, score in zip(rows, scores, strict=True)]


class Redis(Lists):
    def __init__(self, data: Data, port: int) -> None:
        import redis
        from redis.asyncio import Redis as Asking

        draw, kept = np.random.default_rng(SEED), min(KEPT, len(data.item_ids))
        with redis.Redis(port=port) as filled, filled.pipeline(transaction=False) as pipe:
            for user in data.users[: data.asked]:
                rows = draw.choice(len(data.item_ids), kept, replace=False)
                pipe.zadd(f"list:{user}", {data.item_ids[row]: n for n, row in enumerate(rows)})
            pipe.execute()
        self._redis = Asking(port=port)

    async def take(self, events: list[Event]) -> None:
        for event in events:
            await self._redis.rpush(f"events:{event.user_id}", event.item_id)

    async def shown(self, user: str, n: int) -> Shown:
        found = await self._redis.zrevrange(f"list:{user}", 0, n - 1, withscores=True)
        return [(item.decode(), score) for item, score in found]


def app_of(lists: Lists) -> FastAPI:
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> JSONResponse:
        return JSONResponse({})

    @app.post("/v1/events")
    async def take(body: Events) -> JSONResponse:
        await lists.take(body.events)
        return JSONResponse({"accepted": len(body.events), "duplicates": 0, "rejected": []})

    @app.get("/v1/users/{user_id}/recommendations")
    async def recommend(user_id: str, n: int = 20) -> JSONResponse:
        shown = await lists.shown(user_id, n)
        return JSONResponse(
            {"user_id": user_id, "items": [{"item_id": item, "score": score} for item, score in shown]}
        )

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=["implicit", "rectools", "redis"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--redis", type=int, help="port of a Redis that may be filled")
    asked = parser.parse_args()
    data = Data(asked.data)
    if asked.peer == "redis":
        lists: Lists = Redis(data, asked.redis)
    else:
        lists = {"implicit": Implicit, "rectools": RecTools}[asked.peer](data)
    uvicorn.run(app_of(lists), port=asked.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
