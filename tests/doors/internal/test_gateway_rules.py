"""A gateway is told which own rules hold, with the policies, and fetches their text by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway_parts import make_gateway
from nbkeep.detection.records import hash_of
from nbkeep.egress.leaving.ownrules import OwnRules
from own_rules_parts import RULES, set_rules
from render_parts import needs_a_jail

if TYPE_CHECKING:
    from office_parts import OfficeForTests

pytest.importorskip("re2")


@needs_a_jail
def test_the_hash_goes_with_the_policies_and_the_text_is_asked_for(any_office: OfficeForTests) -> None:
    client, rules = make_gateway(any_office).client, OwnRules()
    before = client.get("/internal/v1/gateway/policies").raise_for_status().json()
    rules.hear(before)
    assert rules.now.data == b""
    set_rules(any_office)
    answer = client.get("/internal/v1/gateway/policies", params={"known": before["tag"]}).raise_for_status()
    assert answer.json()["tag"] != before["tag"], "it is told at once"
    assert RULES.strip() not in answer.text
    rules.hear(answer.json())
    assert (rules.now.sha256, rules.now.data) == (hash_of(RULES), None)
    rules.take(client.get("/internal/v1/gateway/rules").raise_for_status().json())
    assert rules.now.data == RULES.encode()
