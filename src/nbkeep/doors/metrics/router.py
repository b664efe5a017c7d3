"""GET /metrics: figures of the office in the text format of Prometheus, for whoever has a token for it."""

from __future__ import annotations

import hmac
import logging
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from nbkeep.doors.api.auth import bearer, get_actor, get_office
from nbkeep.keyplace import KeyPlace, where_of
from nbkeep.model.errors import Refused
from nbkeep.telemetry.instruments import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Generator

    from prometheus_client import Metric

    from nbkeep.settings import Settings

    from .figures import Figures

SCOPE = "metrics:read"
router = APIRouter()
_log = logging.getLogger("nbkeep.metrics")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return all series. Raises `Refused`: 401 without a token that works, 403 without `metrics:read`.

    A browser's cookie opens nothing here: whoever scrapes has a token.
    """
    _require_scraper(request)
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(_All(request.app.state.figures)), media_type=content_type)


class _All:
    """What this process counts, and what its database says, as one."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Generator[Metric]:
        yield from REGISTRY.collect()
        yield from self._figures.collect()


def _require_scraper(request: Request) -> None:
    given, settings = bearer(request), get_office(request).settings
    if given is None:
        raise Refused("token-needed", "Metrics need a token.",
                      f"Send one with the scope {SCOPE}, or the one of the setting metrics_token.",
                      status=401)  # fmt: skip
    if settings.metrics_token and _is_one_of(given, _tokens(settings)):
        return
    get_actor(request).require(SCOPE)


def _tokens(settings: Settings) -> list[str]:
    """Return the tokens of the setting, read anew; none where they cannot be read: then nobody is let in."""
    remedy = "Put it there: one line of 32 or more random characters, in a file with mode 0600."
    place = KeyPlace(
        where_of(settings.metrics_token, settings.secrets_dir / "metrics-token"),
        "metrics-token",
        "The token for metrics",
        remedy,
    )
    try:
        return place.read()
    except Refused as error:
        _log.warning("%s %s", error.message, error.remedy)
        return []


def _is_one_of(given: str, tokens: list[str]) -> bool:
    return any(hmac.compare_digest(given.encode(), token.encode()) for token in tokens)
