"""A gateway for tests that moves no bytes: it pulls policies, decides by them, and reports, as the contract says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from nbkeep.egress.rules import Compiled
from nbkeep.egress.values import Policy
from office_parts import client_for

if TYPE_CHECKING:
    import httpx
    from httpx import Response

    from office_parts import OfficeForTests

TOKEN = "gateway-token-of-this-test"


@dataclass
class FakeGateway:
    """One node's gateway."""

    office: OfficeForTests
    client: httpx.Client
    tag: str = ""
    policies: dict[str, Policy] = field(default_factory=dict[str, Policy])

    def pull(self) -> None:
        """Ask for policies; comes back when something differs from what is known."""
        answer = self.client.get("/internal/v1/gateway/policies", params={"known": self.tag})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        self.tag = body["tag"]
        self.policies = {one["session_id"]: Policy.from_json(one) for one in body["policies"]}

    def record(
        self, session_id: str, host: str = "pypi.org", port: int = 443, **other: object
    ) -> dict[str, Any]:
        """Return the record of a connection, judged by the policy of its session where there is one."""
        record = {
            "id": uuid4().hex,
            "session_id": session_id,
            "at": self.office.clock.now().isoformat(),
            "host": host,
            "port": port,
            "address": "",
            "protocol": "connect",
            "method": "",
            "allowed": True,
            "would_block": False,
            "rule_id": "",
            "rule_source": "",
            "reason": "",
            "bytes_out": 100,
            "bytes_in": 1000,
            "duration_s": 0.5,
        }
        if session_id in self.policies:
            decided = Compiled(self.policies[session_id]).decide(host, port)
            record |= {
                "allowed": decided.allowed,
                "would_block": decided.would_block,
                "rule_id": decided.rule.id if decided.rule else "",
                "rule_source": decided.rule.source if decided.rule else "",
                "reason": decided.reason,
            }
        return record | other

    def report(self, *records: object) -> Response:
        """Send records."""
        body = json.dumps({"records": records})  # in ASCII: what is no text gets through, too
        headers = {"Content-Type": "application/json"}
        return self.client.post("/internal/v1/gateway/connections", content=body, headers=headers)


def make_gateway(office: OfficeForTests) -> FakeGateway:
    """Return a gateway that shows the right token."""
    return FakeGateway(office, client_for(office.app(), TOKEN))
