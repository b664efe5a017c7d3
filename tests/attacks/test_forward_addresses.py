"""The audit is pointed at this machine, its link or its cloud's metadata, to reach what only the office may."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from forward_parts import Hook, Sending, sending
from nbkeep.forwarding import destinations, rules
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused

__all__ = ["sending"]
pytestmark = pytest.mark.attack
SPECIAL = [
    "127.0.0.2", "169.254.169.254", "168.63.129.16", "100.100.100.200", "0.0.0.1", "224.0.0.1", "[::1]",
    "[fe80::1]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]",
]  # fmt: skip


@pytest.mark.parametrize("host", SPECIAL)
def test_an_address_that_is_special_is_refused_at_once(host: str, sending: Sending) -> None:
    place = rules.webhook(f"https://{host}/latest/meta-data")
    with pytest.raises(Refused, match="metadata"), sending.office.store.write() as tx:
        destinations.add(tx, sending.office.clock, sending.office.settings, OPERATOR, name="x", place=place,
                         secret=f"file:{sending.secret_file}")  # fmt: skip
    if host not in {"127.0.0.2", "[::1]"}:  # where a collector of logs may be
        with pytest.raises(Refused, match="metadata"), sending.office.store.write() as tx:
            destinations.add(tx, sending.office.clock, sending.office.settings, OPERATOR, name="x",
                             place=rules.syslog(host))  # fmt: skip


@pytest.mark.parametrize("also", [[], ["93.184.215.14"]])
def test_a_name_that_leads_there_is_refused_when_it_is_looked_up(
    also: list[str], sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns a name says where it leads, and says something else the next time."""
    looked_up = socket.getaddrinfo

    def answer(host: str, port: int, *args: Any, **more: Any) -> object:
        if host != "siem.acme.com":
            return looked_up(host, port, *args, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in (*also, "127.0.0.2")]

    with Hook(sending.authority, ("siem.acme.com",)).serving() as hook:
        sending.add(hook)
        monkeypatch.setattr(socket, "getaddrinfo", answer)
        status = sending.round()
        assert "metadata" in status.last_error
        assert hook.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://siem.acme.com/", "ftp://siem.acme.com/", "//siem.acme.com/", "https:///x", "https://a b/", "https://[::1/",
        "https://jane:s3cret@siem.acme.com/", "https://siem.acme.com/?token=s3cret", "https://siem.acme.com/#s3cret",
        "https://siem.acme.com:99999/", "https://siem.acme.com/\r\nX-Evil: 1", "https://siem.acme.com/\x00", "",
        "https://-/", "https://\ud800/",
    ],
)  # fmt: skip
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(Refused) as refused:
        rules.webhook(url)
    assert "s3cret" not in str(refused.value)
