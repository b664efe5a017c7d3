"""The warden: one process per machine that starts and keeps sessions, asked over a unix socket.

    python -m nbkeep.backends.local.warden --data-dir DIR

The only part of nbkeep that needs root's powers. Killing it, even with SIGKILL, ends no session; the next one
finds them again. A second one for the same data directory refuses and disturbs nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import secrets
import socket
import sys
import tempfile
import threading
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import anyio.to_thread
import uvicorn
from fastapi import Body, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from nbkeep.backends.interface import LaunchSpec, Warm  # noqa: TC001  FastAPI reads it when the app is made
from nbkeep.model.errors import NbkeepError, Refused, not_found
from nbkeep.settings import Settings
from nbkeep.telemetry import traces

from .backend import LocalBackend
from .jails import SERVER_MODULE
from .layout import Layout, make_dir
from .listing import LONGEST_PLACE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

log = logging.getLogger("nbkeep.warden")

_TICK_S = 1.0
_BUSY_EXIT = 3
# A stop waits in a thread for as long as its session saves; looks and launches must not wait behind many.
_THREADS = 500
_LARGEST_COPY = 1 << 30


class Size(BaseModel):
    """The new size of a home."""

    size_bytes: int = Field(gt=0)


class RulesText(BaseModel):
    """The organisation's own rules, "" for none."""

    rules: str = Field(max_length=2 << 20)


class Versions(BaseModel):
    """Files to delete, as they were when they were looked at."""

    versions: dict[str, str] = Field(max_length=1000)


def create_app(backend: LocalBackend, token: str) -> FastAPI:
    """Return the warden's HTTP side; it looks after all sessions each second while it runs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        stopped = threading.Event()
        keeper = threading.Thread(target=_keep, args=(backend, stopped), name="keeper", daemon=True)
        keeper.start()
        yield
        stopped.set()
        backend.end()
        backend.rest_homes()  # nothing stays mounted but the homes of sessions that run on

    def known(request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode(), token.encode()):
            raise Refused(
                "unauthorized",
                "The warden's token is missing or wrong.",
                "It is the file secrets/warden-token of the data directory.",
                status=401,
            )

    app = FastAPI(title="nbkeep warden", lifespan=lifespan, dependencies=[Depends(known)], openapi_url=None)
    app.add_exception_handler(NbkeepError, _told)
    _add_launches(app, backend)
    _add_sessions(app, backend)
    _add_reports(app, backend)
    _add_states(app, backend)
    _add_volumes(app, backend)

    @app.put("/v1/warm", status_code=204)
    def warm(wanted: list[Warm]) -> Response:
        backend.keep_warm(wanted)
        return Response(status_code=204)

    @app.get("/v1/host")
    def host() -> list[dict[str, Any]]:
        return [asdict(fact) for fact in backend.host()]

    @app.get("/v1/capacity")
    def capacity() -> dict[str, Any]:
        return asdict(backend.capacity())

    @app.get("/v1/gpus")
    def gpu_use() -> list[dict[str, Any]]:
        return [asdict(one) for one in backend.gpu_use()]

    return app


def _add_launches(app: FastAPI, backend: LocalBackend) -> None:
    @app.post("/v1/prepared", status_code=202)
    def prepare(spec: LaunchSpec, request: Request) -> Response:
        parent = request.headers.get(traces.HEADER, "")
        with traces.span("warden.prepare", parent, session=spec.session_id, image=spec.image):
            backend.prepare(spec)
        return Response(status_code=202)

    @app.post("/v1/sessions", status_code=201)
    def launch(spec: LaunchSpec, request: Request) -> dict[str, Any]:
        parent = request.headers.get(traces.HEADER, "")
        with traces.span("warden.launch", parent, session=spec.session_id, image=spec.image):
            return asdict(backend.launch(spec))

    @app.put("/v1/sessions/{session_id}/file", status_code=204)
    def give(
        session_id: str,
        name: str,
        data: Annotated[bytes, Body(media_type="application/octet-stream")] = b"",
    ) -> Response:
        backend.give_file(session_id, name, data)
        return Response(status_code=204)


def _add_sessions(app: FastAPI, backend: LocalBackend) -> None:
    @app.get("/v1/sessions")
    def sessions() -> list[dict[str, Any]]:
        return [asdict(one) for one in backend.sessions()]

    @app.get("/v1/sessions/{session_id}")
    def status(session_id: str) -> dict[str, Any]:
        found = backend.status(session_id)
        if found is None:
            raise not_found("session", session_id)
        return asdict(found)

    @app.post("/v1/sessions/{session_id}/end", status_code=204)
    def end(session_id: str) -> Response:
        backend.ask_to_end(session_id)
        return Response(status_code=204)

    @app.post("/v1/sessions/{session_id}/freeze", status_code=204)
    def freeze(session_id: str) -> Response:
        backend.freeze(session_id)
        return Response(status_code=204)

    @app.post("/v1/sessions/{session_id}/thaw", status_code=204)
    def thaw(session_id: str) -> Response:
        backend.thaw(session_id)
        return Response(status_code=204)

    @app.delete("/v1/sessions/{session_id}", status_code=204)
    def stop(session_id: str, grace_s: Annotated[float, Field(ge=0, le=600)] = 10) -> Response:
        backend.stop(session_id, grace_s)
        return Response(status_code=204)


def _add_reports(app: FastAPI, backend: LocalBackend) -> None:
    @app.get("/v1/reports")
    def left() -> dict[str, Any] | None:
        found = backend.left_reports()
        return None if found is None else asdict(found)

    @app.delete("/v1/reports/{session_id}", status_code=204)
    def forget(session_id: str, mark: Annotated[int, Field(ge=0)]) -> Response:
        backend.forget_reports(session_id, mark)
        return Response(status_code=204)


def _add_states(app: FastAPI, backend: LocalBackend) -> None:
    @app.get("/v1/states/{user}")
    def states(user: str) -> list[dict[str, Any]]:
        return [asdict(one) for one in backend.states(user)]

    @app.delete("/v1/states/{user}/{session_id}", status_code=204)
    def delete(user: str, session_id: str) -> Response:
        backend.delete_state(user, session_id)
        return Response(status_code=204)


def _add_volumes(app: FastAPI, backend: LocalBackend) -> None:
    @app.get("/v1/volumes/{user}")
    def volume(user: str) -> dict[str, Any]:
        found = backend.volume(user)
        if found is None:
            raise not_found("volume", user)
        return asdict(found)

    @app.put("/v1/volumes/{user}")
    def resize(user: str, size: Size) -> dict[str, Any]:
        return asdict(backend.resize_volume(user, size.size_bytes))

    @app.delete("/v1/volumes/{user}", status_code=204)
    def delete(user: str) -> Response:
        backend.delete_volume(user)
        return Response(status_code=204)

    @app.get("/v1/volumes/{user}/usage")
    def usage(user: str, depth: int = 2) -> dict[str, Any]:
        return asdict(backend.volume_usage(user, depth))

    @app.get("/v1/volumes/{user}/files")
    def files(user: str, after: Annotated[str, Field(max_length=LONGEST_PLACE)] = "") -> dict[str, Any]:
        return asdict(backend.home_listing(user, after))

    @app.get("/v1/volumes/{user}/changed")
    def changed(
        user: str, since: AwareDatetime, after: Annotated[str, Field(max_length=LONGEST_PLACE)] = ""
    ) -> dict[str, Any]:
        return asdict(backend.changed_files(user, since, after))

    @app.get("/v1/volumes/{user}/file")
    def file(
        user: str,
        path: Annotated[str, Field(max_length=LONGEST_PLACE)],
        most_bytes: Annotated[int, Field(gt=0, le=_LARGEST_COPY)],
    ) -> Response:
        # Sent once it is whole: who asks must not take the beginning of a file for all of it.
        with contextlib.ExitStack() as stack:
            copy = stack.enter_context(tempfile.TemporaryFile(dir=backend.layout.data_dir / "run"))
            backend.copy_file(user, path, copy, most_bytes)
            size = copy.seek(0, os.SEEK_END)
            copy.seek(0)
            stack.pop_all()  # closed by who sends it
        return StreamingResponse(
            _pieces(copy), media_type="application/octet-stream", headers={"Content-Length": str(size)}
        )

    _add_leftovers(app, backend)


def _add_leftovers(app: FastAPI, backend: LocalBackend) -> None:
    @app.post("/v1/volumes/{user}/leftovers")
    def leftovers(user: str, wanted: RulesText) -> dict[str, Any]:
        return asdict(backend.leftovers(user, wanted.rules))

    @app.post("/v1/volumes/{user}/leftovers/delete")
    def delete_leftovers(user: str, wanted: Versions) -> dict[str, str]:
        return backend.delete_leftovers(user, wanted.versions)


def _pieces(copy: IO[bytes]) -> Iterator[bytes]:
    with copy:
        while piece := copy.read(1 << 20):
            yield piece


async def _told(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, NbkeepError):
        raise error
    body = {"code": error.code, "message": error.message, "remedy": error.remedy}
    return JSONResponse(body, status_code=error.status)


def _keep(backend: LocalBackend, stopped: threading.Event) -> None:
    while not stopped.wait(_TICK_S):
        try:
            backend.tick()
        except Exception:
            log.exception("A look at all sessions failed; the next one comes in a second.")


def _lock(layout: Layout) -> int:
    """Return the descriptor that holds the lock; raise `Refused` when another warden has it."""
    make_dir(layout.data_dir / "run", 0o711)
    make_dir(layout.warden_lock.parent)
    descriptor = os.open(layout.warden_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode() or "?"
        os.close(descriptor)
        raise Refused(
            "warden-running",
            f"Another warden (process {holder}) already serves {layout.data_dir}.",
            "Use that one, or end it first; sessions live on meanwhile.",
            status=409,
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def serve(settings: Settings, server_module: str | None = None) -> None:
    """Serve until SIGTERM. Raises `Refused` when another warden holds the data directory."""
    layout = Layout(settings.data_dir)
    descriptor = _lock(layout)
    with contextlib.closing(os.fdopen(descriptor)):
        token = settings.secret("warden-token")
        module = server_module or SERVER_MODULE
        backend = LocalBackend(
            settings.data_dir,
            settings.uid_base,
            module,
            gpus=settings.gpus,
            warm_starts=settings.warm_starts,
            spare_kernels=settings.spare_kernels,
        )
        config = uvicorn.Config(create_app(backend, token), log_config=None, access_log=False)
        listener = _listen(layout.warden_socket)
        log.info("The warden serves %s; sessions: %s.", settings.data_dir, len(backend.sessions()))
        traces.switch_on(settings.traces_endpoint, "warden")
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            traces.switch_off()


def main() -> None:
    """Run the warden; exit code 3 when another one is there."""
    parser = argparse.ArgumentParser(
        prog="nbkeep-warden", description="Starts and keeps sessions on this machine."
    )
    parser.add_argument("--data-dir", type=Path, help="the data directory (default: as `nbkeep up` has it)")
    parser.add_argument("--server-module", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        serve(Settings.load(arguments.data_dir), arguments.server_module)
    except NbkeepError as error:
        print(error, file=sys.stderr)  # said to whoever started it
        sys.exit(_BUSY_EXIT if error.code == "warden-running" else 1)


if __name__ == "__main__":
    main()
