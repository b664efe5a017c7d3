"""/api/v1/config: the whole configuration as one document."""

from __future__ import annotations

from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from nbkeep.configuration import apply as configuration
from nbkeep.configuration.document import as_yaml
from nbkeep.model.errors import invalid

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/config", tags=["config"])
_LARGEST_BYTES = 4 << 20
_YAML = "application/yaml"


@router.get("", response_class=Response)
def export(
    request: Request,
    office: OfficeDep,
    actor: ActorDep,
    format: Literal["yaml", "json"] | None = None,
) -> Any:
    """Return the whole configuration, without secrets: YAML, or JSON when asked for."""
    with office.store.read() as tx:
        document = configuration.export(tx, office.clock, office.settings, actor)
    if format == "json" or (format is None and "application/json" in request.headers.get("accept", "")):
        return Response(orjson.dumps(document), media_type="application/json")
    return Response(as_yaml(document), media_type=_YAML)


@router.post("")
async def apply(
    request: Request, office: OfficeDep, actor: ActorDep, *, dry_run: bool = False
) -> dict[str, Any]:
    """Make everything what the document in the body (YAML or JSON) says; all of it or nothing.

    What a section lacks is deleted. `dry_run` tells what would change and changes
    nothing.
    """
    actor.require(configuration.RIGHT)  # before a byte is read: to parse megabytes takes long
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BYTES:
            raise invalid("document", "The document is larger than 4 MiB.", "Is it the right file?")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise invalid("document", "The document is not UTF-8 text.", "Save it as UTF-8.") from error

    def act() -> list[configuration.Change]:
        document = configuration.read(text)
        return configuration.apply(
            office.store, office.clock, office.settings, actor, document, dry_run=dry_run
        )

    changes = await run_in_threadpool(act)
    return {"dry_run": dry_run, "changes": [change.as_json() for change in changes]}
