"""A gateway for tests that examines what is sent, in a real jail, and servers that tell what they got."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from egress_parts import SESSION, policy
from keyed_parts import Keyed
from nbkeep.egress.gateway import Gateway
from nbkeep.egress.keyed import Keys
from nbkeep.egress.leases import Leases
from nbkeep.egress.leaving.body import Bodies
from nbkeep.egress.leaving.gate import Leaving
from nbkeep.egress.leaving.interface import Document
from nbkeep.egress.leaving.scanner import JailedScanner
from nbkeep.egress.leaving.uploads import Uploads
from nbkeep.egress.rules import Compiled
from nbkeep.model.clock import SystemClock
from nbkeep.model.gates import Found

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator

    from nbkeep.egress.leaving.interface import Scanner

MIB = 1 << 20


def made_key() -> str:
    """A token that scans find, put together here so that none lies in the repository."""
    return "gh" + "p_" + "Zx8Kq2LmN4pRs6TuVw0YaBc3DeFg5Hi7Jk9L"


@contextlib.contextmanager
def scanner_that_stays() -> Generator[JailedScanner]:
    """Give a scanner for gateways one after the other.

    Its jail ends with the thread that has started it, so it is started here, and not by a gateway of one test.
    """
    found = JailedScanner()
    loop = asyncio.new_event_loop()
    try:
        looked = loop.run_until_complete(found.look(Document(None, words="nothing")))
        assert looked.found == {Found.NOTHING}, looked
        yield found
    finally:
        loop.close()
        found.close()


def told(**decisions: str) -> str:
    """Return what gateways are told of the gate upload; what is not named is allowed."""
    return json.dumps({
        "upload": {
            one.value: {"decision": decisions.get(one.value, "allow"), "scope": "everywhere"} for one in Found
        },
        "push": {one.value: {"decision": "allow", "scope": "default"} for one in Found},
    })  # fmt: skip


@dataclass
class Examining(Keyed):
    """A gateway whose uploads are examined. `decide` says what is decided; `say` how hosts are treated."""

    scanner: Scanner | None = None
    most: int = 4 * MIB
    total: int = 64 * MIB
    hosts: str = field(default="")

    def _make(self) -> Gateway:
        assert self.scanner is not None
        self.uploads = Uploads(self.scanner)
        self.bodies = Bodies(self.folder, self.most, self.total)
        leaving = Leaving(self.policies, [self.uploads], self.bodies)
        self.keys = Keys(
            Leases(self.office.value, self.beats), SystemClock(), self.roots, self.treatments, leaving
        )
        gateway = Gateway(self.policies, self.names, self.kept, limits=self.limits, keys=self.keys)
        self.uploads.changed = gateway.recheck_all
        return gateway

    def decide(self, hosts: str, **decisions: str) -> None:
        """Open these hosts, and put these decisions in force."""

        def change() -> None:
            found = replace(policy(SESSION, hosts), leaving=told(**decisions) if decisions else "")
            self.policies[SESSION] = Compiled(found)
            self.gateway.open(SESSION, self.path().parent)
            self.gateway.recheck(SESSION)

        self.call(change)

    def say(self, **treatments: str) -> None:
        """Say how hosts are treated; `_` stands for a dot, `any` for all."""
        said = [
            {"host": "*" if host == "any" else host.replace("_", "."), "treatment": word}
            for host, word in treatments.items()
        ]
        self.call(self.uploads.hear, {"uploads": said})


def plain(place: str, body: bytes, *, method: str = "POST", more: str = "", path: str = "/x") -> bytes:
    """Return a request in clear, as a program sends it to a proxy."""
    head = f"{method} http://{place}{path} HTTP/1.1\r\nHost: {place}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def send_slowly(sock: socket.socket, *pieces: bytes) -> None:
    """Send pieces as far as anybody takes them."""
    with contextlib.suppress(OSError):
        for one in pieces:
            sock.sendall(one)


def as_text(answer: bytes | dict[str, Any]) -> str:
    """Return an answer's bytes as text."""
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else json.dumps(answer)
