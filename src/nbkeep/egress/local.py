"""Names that the gateway answers itself: nothing of that kind is looked up, or passed on as it was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .talk import Talk
    from .web import Asked, Target


class LocalNames(Protocol):
    """Serves requests to reserved names. One object for all sessions."""

    def wants(self, host: str) -> bool:
        """Tell whether a host, as a program wrote it, is such a name."""
        ...

    async def serve(self, talk: Talk, asked: Asked, target: Target) -> None:
        """Answer one request, and put it on record; raises `Refusal` as long as no answer has begun."""
        ...
