"""Whether this process is alive, whether it is ready, and what it counts."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field

from sangdam.core.errors import Kind, SangdamError
from sangdam.web.address import may_scrape
from sangdam.web.errors import answers
from sangdam.web.parts import Parts
from sangdam.web.socket import Hub


class Alive(BaseModel):
    status: Literal["ok"] = "ok"
    build: str


class Ready(BaseModel):
    """A model or a mall that is down does not make a process unready."""

    model_config = ConfigDict(serialize_by_alias=True)

    database: bool
    schema_ok: bool = Field(alias="schema")
    keys: bool
    worker_seen_s: float | None
    draining: bool


def operation_routes(parts: Parts, hub: Hub) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", response_model=Alive, responses=answers())
    async def healthz() -> Alive:  # pyright: ignore[reportUnusedFunction]
        return Alive(build=parts.build)

    @router.get(
        "/readyz",
        responses={**answers(), 200: {"content": {"application/json": {}}}, 503: {"content": {"application/json": {}}}},
    )
    async def readyz(response: Response) -> dict[str, bool | float | None]:  # pyright: ignore[reportUnusedFunction]
        health = await parts.health()
        if hub.draining or not (health.database and health.schema and health.keys):
            response.status_code = 503
        return {
            "database": health.database,
            "schema": health.schema,
            "keys": health.keys,
            "worker_seen_s": health.worker_seen_s,
            "draining": hub.draining,
        }

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **answers(404)})
    async def metrics(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        peer = request.client.host if request.client is not None else None
        if not may_scrape(peer, request.headers.getlist("x-forwarded-for"), parts.trusted_proxies):
            raise SangdamError(Kind.NOT_FOUND, "metrics are for this machine and its proxies")
        return Response(generate_latest(parts.registry), media_type=CONTENT_TYPE_LATEST)

    return router
