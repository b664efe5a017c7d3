"""Attack: answer as no Vault does: too much, other types, names that break messages, other hosts, other times."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from egress_parts import serving
from kv_server import KvServer
from login_parts import connected_to_stand_in, stand_in
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import NbkeepError
from nbkeep.vault.logins import rules
from nbkeep.vault.place import needed_place
from nbkeep.vault.sources.database import DatabaseEngine
from nbkeep.vault.sources.hashicorp import Hashicorp

if TYPE_CHECKING:
    from collections.abc import Callable

    from database_engine import Engine
    from office_parts import OfficeForTests

pytestmark = pytest.mark.attack
PATH = "database/creds/readonly"
PASSWORD = "Zx9-made-for-nobody"


@pytest.fixture
def engine(kv: KvServer) -> Engine:
    return stand_in(None, kv)


@pytest.fixture
def client(office: OfficeForTests, kv: KvServer, engine: Engine) -> DatabaseEngine:
    del engine
    place = needed_place(connected_to_stand_in(office, kv).settings)
    return DatabaseEngine(Hashicorp(place, ManualClock()))


def _with(**data: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda answer: answer | {"data": answer["data"] | {"password": PASSWORD} | data}


def _top(**said: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda answer: answer | {"data": answer["data"] | {"password": PASSWORD}} | said


@pytest.mark.parametrize(
    "instead",
    [
        _with(username="v-root\r\nX: 1"), _with(username="a\0user\0postgres"), _with(username="u" * 64),
        _with(username=""), _with(username=7), _with(username=["v-root"]), _with(username="ünser"),
        _with(password="short"), _with(password="p\r\n" * 9), _with(password=None), _with(password="x" * 2000),
        _top(data=None), _top(data=[]), _top(data={}),
        _top(lease_duration=-1), _top(lease_duration=10**12), _top(lease_duration="3600"), _top(lease_duration=True),
        _top(lease_duration=1.5), _top(lease_duration=None), _top(lease_duration=0), _top(lease_duration=float("nan")),
    ],
)  # fmt: skip
def test_a_login_that_is_none_is_refused_and_ended(
    client: DatabaseEngine, engine: Engine, instead: Callable[[dict[str, Any]], Any]
) -> None:
    engine.instead = instead
    with pytest.raises(NbkeepError) as refusal:
        client.make(PATH)
    assert PASSWORD not in f"{refusal.value!r} {refusal.value}"
    assert len(engine.revoked) == 1
    assert engine.users == []


@pytest.mark.parametrize(
    "lease",
    ["", None, 7, "database/creds/other/abc", "../sys/seal", f"{PATH}/../x", f"{PATH}/a\r\nb", f"{PATH}/" + "a" * 500,
     "sys/leases/x"],
)  # fmt: skip
def test_an_answer_does_not_say_what_else_is_revoked(
    client: DatabaseEngine, engine: Engine, kv: KvServer, lease: object
) -> None:
    engine.instead = _top(lease_id=lease)
    with pytest.raises(NbkeepError):
        client.make(PATH)
    assert "sys/leases/revoke" not in kv.asked


@pytest.mark.parametrize("said", [b"not json", b"[]", b'"x"', b"null", b"", b"[" * 100_000, b'{"lease_id":'])
def test_what_is_no_json_object_is_refused(client: DatabaseEngine, engine: Engine, said: bytes) -> None:
    engine.instead = lambda _: said
    with pytest.raises(NbkeepError) as refusal:
        client.make(PATH)
    assert len(str(refusal.value)) < 400


def test_too_much_is_not_read(client: DatabaseEngine, kv: KvServer) -> None:
    kv.raw = lambda path: (
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (3 << 20) if "creds" in path else None
    )
    with pytest.raises(NbkeepError, match="too long"):
        client.make(PATH)
    kv.raw = lambda path: (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
        if "creds" in path
        else None
    )
    with pytest.raises(NbkeepError, match="packed"):
        client.make(PATH)


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
)
def test_nobody_follows_it_elsewhere(client: DatabaseEngine, kv: KvServer, status: str) -> None:
    """The token would go along."""
    with serving(KvServer()) as other:
        kv.raw = lambda path: (
            f"HTTP/1.1 {status}\r\nLocation: {other.url}/v1/{path}\r\nContent-Length: 0\r\n\r\n".encode()
            if "creds" in path or "leases" in path
            else None
        )
        with pytest.raises(NbkeepError, match=f"it answers {status[:3]}"):
            client.make(PATH)
        with pytest.raises(NbkeepError, match=f"it answers {status[:3]}"):
            client.revoke(f"{PATH}/abc")
        assert other.asked == []


def test_a_renewal_is_of_this_lease_and_of_a_time_that_can_be(client: DatabaseEngine, kv: KvServer) -> None:
    made = client.make(PATH)
    lease, same = made.vault_lease, {"lease_id": made.vault_lease}
    answers: list[Any] = [{"lease_id": f"{PATH}/other", "lease_duration": 60}, same, [], "x", None]
    answers += [same | {"lease_duration": one} for one in (-5, 1e99, "60", True)]
    for said in answers:
        data = json.dumps(said).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        kv.raw = lambda path, all_=head + data: all_ if "renew" in path else None
        with pytest.raises(NbkeepError):
            client.renew(lease)


def test_a_made_login_does_not_tell_its_password_when_it_is_printed() -> None:
    found = rules.made(
        {"lease_id": f"{PATH}/abc", "lease_duration": 60, "data": {"username": "v-x", "password": PASSWORD}},
        PATH,
    )
    assert PASSWORD not in repr(found)
