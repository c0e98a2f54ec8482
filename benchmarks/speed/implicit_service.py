"""The example service on implicit: the same requests, answers and libraries, and our factors."""

import os
from typing import Any

import numpy as np
from fastapi import FastAPI
from implicit.cpu.als import AlternatingLeastSquares
from pydantic import BaseModel, StrictInt, StrictStr
from scipy import sparse
from threadpoolctl import threadpool_limits

import wrmf

Id = StrictStr | StrictInt


class ForUser(BaseModel):
    """As in the example."""

    user: Id
    n: int = 10


class ForHistory(BaseModel):
    """As in the example."""

    history: list[Id]
    n: int = 10


class Similar(BaseModel):
    """As in the example."""

    item: Id
    n: int = 10


class Listed(BaseModel):
    """As in the example."""

    item: Id
    name: str | None = None
    score: float | None = None


class Answer(BaseModel):
    """As in the example."""

    items: list[Listed]
    source: str
    ignored: list[Id] = []


def create_app() -> FastAPI:
    """Return the application, which serves the model that ``WRMF_MODEL`` names."""
    ours = wrmf.load(os.environ["WRMF_MODEL"])
    user_ids, item_ids = ours.users.tolist(), ours.items.tolist()
    users = {user: row for row, user in enumerate(user_ids)}
    items = {item: column for column, item in enumerate(item_ids)}
    seen = sparse.csr_matrix(ours.train_matrix, dtype=np.float32)
    model = AlternatingLeastSquares(ours.factors, regularization=10.0, num_threads=1)
    model.user_factors, model.item_factors = ours.user_factors.copy(), ours.item_factors.copy()
    # What is computed at the first request, before workers are forked.
    with threadpool_limits(1):
        model.recommend(0, seen[0], recalculate_user=True)
        model.similar_items(0)
    app = FastAPI()

    def answer(lists: Any, source: str) -> Answer:
        columns, scores = (part.tolist() for part in lists)
        listed = [
            Listed(item=item_ids[column], score=score)
            for column, score in zip(columns, scores, strict=True)
        ]
        return Answer(items=listed, source=source)

    @app.post("/recommend")
    async def recommend(body: ForUser) -> Answer:
        row = users[body.user]
        return answer(model.recommend(row, seen[row], N=body.n), "recommend")

    @app.post("/recommend_new")
    async def recommend_new(body: ForHistory) -> Answer:
        columns = sorted({items[item] for item in body.history})
        ones = np.ones(len(columns), dtype=np.float32)
        row = sparse.csr_matrix((ones, columns, [0, len(columns)]), shape=(1, len(item_ids)))
        return answer(model.recommend(0, row, N=body.n, recalculate_user=True), "fold_in")

    @app.post("/similar_items")
    async def similar_items(body: Similar) -> Answer:
        return answer(model.similar_items(items[body.item], N=body.n + 1), "similar_items")

    return app


def __getattr__(name: str) -> FastAPI:
    if name == "app":
        globals()["app"] = create_app()
        return globals()["app"]
    raise AttributeError(name)
