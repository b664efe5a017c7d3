"""A start is one trace, through office, hub and warden, as a collector sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otlp_parts import Collector
from platform_parts import wait_for

if TYPE_CHECKING:
    from platform_parts import Platform

pytestmark = pytest.mark.e2e

PARTS = {
    "session.start": "nbkeep-office",
    "session.ask_hub": "nbkeep-office",
    "session.prepare": "nbkeep-office",
    "warden.prepare": "nbkeep-warden",
    "hub.spawn": "nbkeep-hub",
    "office.launch": "nbkeep-office",
    "warden.launch": "nbkeep-warden",
    "hub.wait_for_server": "nbkeep-hub",
    "session.ready": "nbkeep-office",
    "session.first_kernel": "nbkeep-office",
}


def test_a_start_is_one_trace_through_all_parts_and_metrics_tell_of_it(own_platform: Platform) -> None:
    with Collector().serving() as collector:
        config = own_platform.data_dir / "config.toml"
        config.write_text(f'traces_endpoint = "{collector.endpoint}"\n{config.read_text()}')
        own_platform.up()
        person = own_platform.person()
        person.sign_in()
        session = person.start()
        assert session.open().status_code == 200
        assert session.execute(session.kernel(), "print(6 * 7)").strip() == "42"
        wait_for(lambda: {one.name for one in collector.spans} >= set(PARTS), 30, "all spans")
        found = {name: collector.named(name) for name in PARTS}
        assert {name: one.service for name, one in found.items()} == PARTS
        assert len({one.trace for one in found.values()}) == 1
        assert found["hub.spawn"].parent == found["session.ask_hub"].id
        assert found["warden.launch"].parent == found["hub.spawn"].id
        assert found["warden.prepare"].parent == found["session.prepare"].id
        assert found["office.launch"].parent == found["hub.spawn"].id
        assert person.name.encode() not in collector.raw
        address = f"{own_platform.url}/metrics"
        assert person.web.get(address).status_code == 401  # through the proxy, with a cookie
        scraped = own_platform.office.get("http://localhost/metrics")
        assert 'outcome="ready"' in scraped.text
        assert "nbkeep_node_answers 1.0" in scraped.text
