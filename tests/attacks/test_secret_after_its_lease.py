"""Attack: go on with a secret whose lease has ended, or while nobody can say whether it has."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

import pytest

from egress_parts import Authority, NameServer, serving, wait_for
from keyed_parts import HOST, VALUE, Echo, Keyed

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack


@pytest.fixture
def echo(tmp_path: Path) -> Generator[Echo]:
    with serving(Echo(Authority.make(tmp_path), HOST)) as server:
        yield server


@pytest.fixture
def keyed(tmp_path: Path, echo: Echo) -> Generator[Keyed]:
    found = Keyed(tmp_path, NameServer(api_acme_local=[["127.0.0.1"]]), roots=tmp_path / "authority.pem")
    found.reach(f"{HOST}:{echo.port} 127.0.0.1:{echo.port}")
    found.add(f"{HOST}:{echo.port}")
    yield found
    found.end()


def test_a_call_under_way_is_cut_when_its_lease_ends(keyed: Keyed, echo: Echo) -> None:
    connection = http.client.HTTPConnection(HOST, echo.port)
    connection.sock = keyed.session(HOST, echo.port)
    connection.request("GET", "/slow")
    answer = connection.getresponse()
    assert answer.read(1000) == b"x" * 1000
    keyed.take([])
    with pytest.raises((http.client.IncompleteRead, ConnectionError, OSError)):
        answer.read()
    echo.released.set()
    assert keyed.records(1)[0].reason.endswith("the lease of its secret ended")


def test_without_the_office_nothing_is_sent_and_the_program_is_told(keyed: Keyed, echo: Echo) -> None:
    keyed.office.is_away = True
    status, _, body = keyed.ask_tls(echo.port, headers={"Authorization": "Bearer nbkeep-placeholder-openai"})
    assert (status, echo.seen) == (503, [])
    assert b"the secret openai cannot be had now, so the request was not sent" in body
    keyed.office.is_away = False
    assert keyed.ask_tls(echo.port)[0] == 200


def test_a_value_is_not_used_for_more_than_a_minute_without_asking(keyed: Keyed, echo: Echo) -> None:
    assert keyed.ask_tls(echo.port)[0] == 200
    keyed.office.is_away = True
    keyed.beats.advance(59)
    assert keyed.ask_tls(echo.port)[0] == 200
    keyed.beats.advance(2)
    assert keyed.ask_tls(echo.port)[0] == 503
    assert len(echo.seen) == 2


def test_a_value_is_forgotten_with_its_lease(keyed: Keyed, echo: Echo) -> None:
    keyed.ask_tls(echo.port)
    keyed.take([])
    wait_for(lambda: VALUE not in str(keyed.keys.leases.__dict__), "the value to be forgotten")
    assert keyed.keys.leases.__dict__["_known"] == {}
