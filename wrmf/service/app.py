"""An application of FastAPI that answers requests for recommendations from a fitted model."""

from __future__ import annotations

import os
from typing import Annotated, Any, TypeAlias

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr
from starlette.exceptions import HTTPException

from wrmf.data.unicode_texts import check_unicode
from wrmf.model.recommendations import Recommendations
from wrmf.model.wrmf import WRMF
from wrmf.versions import __version__

__all__ = ["Service", "create_app"]


def unicode_only(id_: str | int) -> str | int:
    """Return an id; an error for a text that no answer could hold, such as "\\ud800"."""
    check_unicode([id_], "the id")
    return id_


# A text or a whole number, as the model has it: "7" and 7 are two ids.
Id: TypeAlias = Annotated[StrictStr | StrictInt, AfterValidator(unicode_only)]
Ids: TypeAlias = Annotated[list[Id], Field(max_length=10_000)]


class Body(BaseModel):
    """What every request has; names that no field has are an error."""

    model_config = ConfigDict(extra="forbid")
    n: int = Field(default=10, ge=1, le=1000)


class Filtered(Body):
    """Items to leave out, and the only items to choose from (by default all)."""

    exclude: Ids = []
    items: Ids | None = None


class ForUser(Filtered):
    """A user, who may be unknown: then the list has the most popular items."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user": "ann", "n": 5}]})
    user: Id


class ForHistory(Filtered):
    """The items that a visitor has seen, and how often, by default once each."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"history": ["item-7"], "n": 5}]})
    history: Ids
    counts: Annotated[list[float], Field(max_length=10_000)] | None = None


class Similar(Body):
    """An item."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"item": "item-7", "n": 5}]})
    item: Id


class Listed(BaseModel):
    """An item of a list. Popular items have no score."""

    item: Id
    name: str | None = None
    score: float | None = None


class Answer(BaseModel):
    """A list, best first, why it is so, and ids of the request that the model does not have."""

    items: list[Listed]
    source: str
    ignored: list[Id] = []


class Health(BaseModel):
    """What is served."""

    users: int
    items: int
    factors: int
    process: int


BODIES: dict[str, type[Body]] = {
    "/recommend": ForUser,
    "/recommend_new": ForHistory,
    "/similar_items": Similar,
}


class Service:
    """Answers requests from one model.

    Parameters
    ----------
    model : WRMF
        With its training data, or at least its pairs (``save(train="seen")``).
    """

    def __init__(self, model: WRMF) -> None:
        if model.train_matrix is None:
            raise ValueError(
                "the model was saved with train=False, and a service needs what users have seen: "
                'save it with train="seen"'
            )
        # Each worker answers one request at a time; more threads would only disturb the others.
        self.model = model.set_params(num_threads=1).prepare()

    def recommend(self, body: ForUser) -> Answer:
        """Return the list of a user, or the most popular items for one of whom nothing is known."""
        rules, ignored = self.rules(body)
        lists = self.model.recommend(
            [body.user], body.n, unknown="popular", fallback="popular", **rules
        )
        if not self.model.knows_users([body.user])[0]:
            ignored.insert(0, body.user)
        return answer(lists, "recommend", ignored)

    def recommend_new(self, body: ForHistory) -> Answer:
        """Return the list of a visitor with a history."""
        counts = [1.0] * len(body.history) if body.counts is None else body.counts
        if len(counts) != len(body.history):
            raise ValueError(f"{len(counts)} counts came for a history of {len(body.history)}")
        rules, ignored = self.rules(body)
        known = self.model.knows_items(body.history).tolist()
        history: dict[Any, float] = {}
        for item, count, is_known in zip(body.history, counts, known, strict=True):
            if is_known:
                history[item] = history.get(item, 0.0) + count
            else:
                ignored.append(item)
        lists = self.model.recommend_new({0: history}, body.n, fallback="popular", **rules)
        return answer(lists, "fold_in", ignored)

    def similar_items(self, body: Similar) -> Answer:
        """Return the neighbours of an item."""
        if not self.model.knows_items([body.item])[0]:
            raise HTTPException(404, f"no item has the id {body.item!r}")
        return answer(self.model.similar_items([body.item], body.n), "similar_items", [])

    def health(self) -> Health:
        """Return the size of the model."""
        users, items = self.model.state.shape
        return Health(users=users, items=items, factors=self.model.factors, process=os.getpid())

    def rules(self, body: Filtered) -> tuple[dict[str, Any], list[Any]]:
        """Return the filters of a request without the items that the model does not have."""
        rules: dict[str, Any] = {}
        ignored: list[Any] = []
        for name in ("exclude", "items"):
            ids = getattr(body, name)
            if ids:
                known = self.model.knows_items(ids).tolist()
                ignored += [item for item, is_known in zip(ids, known, strict=True) if not is_known]
                ids = [item for item, is_known in zip(ids, known, strict=True) if is_known]
            if ids or (name == "items" and ids is not None):
                rules[name] = ids
        return rules, ignored


def answer(lists: Recommendations, source: str, ignored: list[Any]) -> Answer:
    """Return the first of some lists; scores that are NaN are those of popular items."""
    ids, scores = lists[0]
    names = [None] * len(ids) if lists.names is None else lists.names[0, : len(ids)].tolist()
    popular = len(scores) > 0 and scores[0] != scores[0]
    listed = [
        Listed(item=item, name=name, score=None if popular else score)
        for item, name, score in zip(ids.tolist(), names, scores.tolist(), strict=True)
    ]
    return Answer(items=listed, source="popular" if popular else source, ignored=ignored)


def create_app(model: WRMF) -> FastAPI:
    """Return the application that serves a fitted model."""
    service, app = Service(model), FastAPI(title="Recommendations", version=__version__)

    # Without await, a request is answered in the event loop: it takes less than a thread's start.
    @app.post("/recommend")
    async def recommend(body: ForUser) -> Answer:
        return service.recommend(body)

    @app.post("/recommend_new")
    async def recommend_new(body: ForHistory) -> Answer:
        return service.recommend_new(body)

    @app.post("/similar_items")
    async def similar_items(body: Similar) -> Answer:
        return service.similar_items(body)

    @app.get("/health")
    async def health() -> Health:
        return service.health()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        message = "; ".join(map(described, error.errors()))
        if "json" not in request.headers.get("content-type", ""):
            message = "send JSON with the header content-type: application/json; " + message
        return failure(request, 422, message)

    @app.exception_handler(ValueError)
    async def refused(request: Request, error: ValueError) -> JSONResponse:
        return failure(request, 422, str(error))

    @app.exception_handler(HTTPException)
    async def failed(request: Request, error: HTTPException) -> JSONResponse:
        methods = (error.headers or {}).get("Allow")
        detail = f"{error.detail}: send it by {methods}" if methods else error.detail
        return failure(request, error.status_code, detail)

    return app


def described(error: dict[str, Any]) -> str:
    """Return one error of pydantic: where it is, and what is wrong there."""
    if error["type"] == "json_invalid":
        return f"the body is no JSON: {error['ctx']['error']} at character {error['loc'][-1]}"
    place = ".".join(str(part) for part in error["loc"][1:])
    return f"{place}: {error['msg']}" if place else error["msg"]


def failure(request: Request, status: int, message: str) -> JSONResponse:
    """Return an error with an example of what to send."""
    body = BODIES.get(request.url.path)
    if body is None:
        send: Any = {"POST": list(BODIES), "GET": ["/health", "/docs"]}
    else:
        schema: Any = body.model_config["json_schema_extra"]
        send = schema["examples"][0]
    return JSONResponse({"error": message, "send": send}, status)
