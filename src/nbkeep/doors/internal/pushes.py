"""/internal/v1/gateway/pushes: what git pushes to a forge, handed over before anything is sent."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.requests import ClientDisconnect

from nbkeep.app import Office
from nbkeep.doors.api.auth import OfficeDep, require_gateway
from nbkeep.doors.internal.gateway import Records
from nbkeep.model.errors import Refused
from nbkeep.pushes.job import examine_push
from nbkeep.pushes.judge import take_push
from nbkeep.pushes.settle import settle_pushes
from nbkeep.pushes.turns import Turns
from nbkeep.pushes.values import Answer, Examined
from nbkeep.rendering.kept import Documents
from nbkeep.store.tables import SessionRow

if TYPE_CHECKING:
    from collections.abc import Callable

router = APIRouter(prefix="/gateway", dependencies=[Depends(require_gateway)])
_turns = Turns()


class _GoneError(Exception):
    """The gateway does not wait for the answer any more: nothing is sent, so nothing is used up."""


@router.post("/pushes")
async def take(
    request: Request,
    office: OfficeDep,
    session_id: Annotated[str, Query(max_length=24)],
    repository: Annotated[str, Query(max_length=4000)],
) -> dict[str, Any]:
    """Examine and judge a push, and tell what becomes of it. An approved one passes once: ask once."""
    place = office.settings.pushes_dir / "work"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    who = await asyncio.to_thread(_person, office, session_id)
    # Its body is taken when its turn has come: what waits takes no place, and who has gone is seen at once.
    async with _turns.of(who):
        folder = Path(tempfile.mkdtemp(dir=place))
        try:
            body = folder / "body"
            await _take(request, body, office.settings.push_max_bytes)
            is_gone = _asking_whether_gone(request)
            answer = await asyncio.to_thread(_judge, office, session_id, repository, body, folder, is_gone)
            return answer.as_json()
        except (_GoneError, ClientDisconnect):
            return {}
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@router.post("/pushes/outcomes")
def outcomes(body: Records, office: OfficeDep) -> dict[str, Any]:
    """Take what became of pushes that passed by an approval. What can never be taken is named with why."""
    with office.store.write() as tx:
        refused = settle_pushes(tx, office.clock, body.records)
    return {"accepted": len(body.records) - len(refused), "refused": refused}


def _person(office: Office, session_id: str) -> str:
    with office.store.read() as tx:
        session = tx.get(SessionRow, session_id)
        return session.user_id if session is not None else ""


async def _take(request: Request, body: Path, most_bytes: int) -> None:
    size = 0
    with body.open("wb") as file:
        async for piece in request.stream():
            size += len(piece)
            if size > most_bytes:
                raise Refused("push-large", "This push is too large.", "Push less at once.", status=413)
            await asyncio.to_thread(file.write, piece)


def _asking_whether_gone(request: Request) -> Callable[[], bool]:
    """Return what tells a thread whether the gateway has gone, of a request whose body was taken."""
    loop = asyncio.get_running_loop()
    return lambda: asyncio.run_coroutine_threadsafe(request.is_disconnected(), loop).result()


def _judge(
    office: Office, session_id: str, repository: str, body: Path, folder: Path, is_gone: Callable[[], bool]
) -> Answer:
    def examine(*args: Any, **kwargs: Any) -> Examined:
        found = examine_push(*args, **kwargs)
        if is_gone():  # before anything is written: an approval stays what it is
            raise _GoneError
        return found

    documents = Documents(office.settings.pushes_dir)
    return take_push(
        office.store, office.clock, office.settings, documents, session_id, repository, body, folder, examine
    )
