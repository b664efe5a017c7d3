"""What may become of a request."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """`requested` waits for a decision, `granted` holds until its moment; the others are ends."""

    REQUESTED = "requested"
    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    EXPIRED = "expired"
