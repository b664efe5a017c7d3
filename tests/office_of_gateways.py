"""A whole fake of the office as a gateway knows it: policies by long poll, records by their ids."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from egress_parts import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from nbkeep.egress.values import Policy

TOKEN = "token-of-the-gateway"


class GatewaysOffice:
    """Listens on a unix socket, in a thread. `fails`: it answers with 503 to everything."""

    def __init__(self, path: Path) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.questions = 0
        self.fails = False
        self._policies: list[dict[str, Any]] = []
        self._version = 0
        self._own_rules = ""
        self._path = path
        app = Starlette(
            routes=[
                Route("/internal/v1/gateway/policies", self._ask),
                Route("/internal/v1/gateway/rules", self._rules),
                Route("/internal/v1/gateway/connections", self._record, methods=["POST"]),
            ]
        )
        path.unlink(missing_ok=True)
        config = uvicorn.Config(
            app, uds=str(path), log_config=None, lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_for(path.exists, "the office's socket")

    def say(self, *policies: Policy) -> None:
        """Put these policies in force, and no others."""
        self._policies = [one.as_json() for one in policies]
        self._version += 1

    def say_rules(self, text: str) -> None:
        """Put these own rules in force."""
        self._own_rules = text
        self._version += 1

    def end(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._path.unlink(missing_ok=True)

    async def _ask(self, request: Request) -> JSONResponse:
        if (refused := self._refusal(request)) is not None:
            return refused
        self.questions += 1
        for _ in range(100):  # shorter than the real one, so that a test's end is not held up
            if request.query_params["known"] != str(self._version) or self._server.should_exit:
                break
            await asyncio.sleep(0.02)
        if (refused := self._refusal(request)) is not None:
            return refused
        sha256 = hashlib.sha256(self._own_rules.encode()).hexdigest() if self._own_rules else ""
        return JSONResponse({
            "tag": str(self._version), "seq": self._version, "policies": self._policies, "own_rules": sha256,
        })  # fmt: skip

    async def _rules(self, request: Request) -> JSONResponse:
        return self._refusal(request) or JSONResponse({"text": self._own_rules})

    async def _record(self, request: Request) -> JSONResponse:
        if (refused := self._refusal(request)) is not None:
            return refused
        told = (await request.json())["records"]
        self.records |= {one["id"]: one for one in told}
        return JSONResponse({"accepted": len(told)})

    def _refusal(self, request: Request) -> JSONResponse | None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"error": {"code": "unauthorized"}}, 401)
        return JSONResponse({"error": {"code": "away"}}, 503) if self.fails else None
