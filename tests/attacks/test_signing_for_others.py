"""Attack: have requests signed for another region, service or host, keep a signature of one's own, get the keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from egress_parts import SESSION, Authority, NameServer, serving
from keyed_parts import Echo, Keyed
from moto_parts import FAKE, signature_of
from nbkeep.egress.aws_keys import AwsKeys
from nbkeep.egress.leases import Lease
from nbkeep.egress.signing import Scope

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
HOST, OWN, ELSEWHERE = "s3.acme.local", "mine.s3.acme.local", "s3.evil.local"
KEYS = AwsKeys(
    "AKIA7777777777777777", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEBY/session+token=="
)
SCOPE = Scope("eu-central-1", "s3")
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
FORGED = (
    f"AWS4-HMAC-SHA256 Credential={FAKE}/20200101/us-gov-west-1/iam/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def echo(authority: Authority) -> Generator[Echo]:
    with serving(Echo(authority, HOST, OWN, ELSEWHERE)) as server:
        yield server


@pytest.fixture
def keyed(tmp_path: Path, authority: Authority, echo: Echo) -> Generator[Keyed]:
    here = [["127.0.0.1"]]
    names = NameServer(s3_acme_local=here, mine_s3_acme_local=here, s3_evil_local=here)
    found = Keyed(tmp_path, names, roots=authority.file)
    found.reach(" ".join(f"{one}:{echo.port}" for one in (HOST, OWN, ELSEWHERE, "127.0.0.1")))
    for host in (HOST, f"*.{HOST}"):
        found.add(f"{host}:{echo.port}", kind="sigv4", place=SCOPE.region, template=SCOPE.service, value=KEYS.text,
                  name="lake")  # fmt: skip
    yield found
    found.end()


def _is_ours(echo: Echo, host: str, method: str = "GET") -> bool:
    """Tell whether what the server got is signed once, by our keys, for our region, service and this host."""
    _, target, headers, _ = echo.seen[-1]
    (said,) = echo.sent("Authorization")
    assert echo.sent("Host") == [f"{host}:{echo.port}"]
    sent = [(name.encode(), value.encode()) for name, value in headers]
    assert f"Credential={KEYS.access_key_id}/" in said
    assert "/eu-central-1/s3/aws4_request," in said
    return said.encode() == signature_of(method, f"{host}:{echo.port}", target.encode(), sent, KEYS, SCOPE)


def test_region_service_date_and_signed_headers_are_not_the_programs_choice(keyed: Keyed, echo: Echo) -> None:
    keyed.ask_tls(
        echo.port, "/lake/x?a=1", {"Authorization": FORGED, "X-Amz-Date": "20200101T000000Z", "Date": "yesterday",
                                   "X-Amz-Region-Set": "*", "X-Amz-Acl": "private"}, host=HOST)  # fmt: skip
    assert _is_ours(echo, HOST)
    assert "x-amz-acl;" in echo.sent("Authorization")[0]
    assert not echo.sent("X-Amz-Date")[0].startswith("2020")
    assert echo.sent("Date") + echo.sent("X-Amz-Region-Set") == []


def test_a_signature_for_one_bucket_is_none_for_another(keyed: Keyed, echo: Echo) -> None:
    keyed.ask_tls(echo.port, "/x", {"Authorization": FORGED}, host=OWN)
    assert _is_ours(echo, OWN)
    before = len(echo.seen)
    status, _, _ = keyed.ask_tls(echo.port, "/x", {"Host": f"{OWN}:{echo.port}"}, host=HOST)
    assert (status, len(echo.seen)) == (400, before)


def test_nothing_of_a_second_signature_gets_through(keyed: Keyed, echo: Echo) -> None:
    """Twice, in other letters, with underscores, with another's session token, in the address."""
    keyed.ask_tls(
        echo.port,
        f"/x?X-Amz-Credential={FAKE}&x-amz-security-token=mine&X-AMZ-%53ignature=0&X-Amz-Algorithm=AWS4&keep=1",
        {"AUTHORIZATION": FORGED, "authorization": "AWS mine:0", "x_amz_security_token": "mine",
         "X-Amz-Security-Token": "mine too", "X_Amz_Date": "20200101T000000Z"},
        host=HOST,
    )  # fmt: skip
    assert _is_ours(echo, HOST)
    _, target, headers, _ = echo.seen[-1]
    assert target == "/x?keep=1"
    assert echo.sent("X-Amz-Security-Token") == [KEYS.session_token]
    assert "mine" not in str(headers)
    keyed.ask_tls(echo.port, f"/x?AWSAccessKeyId={FAKE}&Signature=0&Expires=1&b=2", host=HOST)
    assert echo.seen[-1][1] == "/x?b=2"


def test_an_address_that_servers_read_differently_is_signed_as_it_is_sent(keyed: Keyed, echo: Echo) -> None:
    for path in (
        "/lake//../%2e%2e/x%2Fy",
        "/a+b?prefix=a+b&x=%zz",
        "/x?a=1&a=0&b",
        "/x?;X-Amz-Signature=1;c=d",
    ):
        keyed.ask_tls(echo.port, path, host=HOST)
        assert _is_ours(echo, HOST), path


@pytest.mark.parametrize(
    "said",
    [
        {"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
        {"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"},
        {"X-Amz-Content-Sha256": "anything"},
        {"X-Amz-Content-Sha256": NOTHING, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
        {"X-Amz-Content-Sha256": NOTHING, "x_amz_content_sha256": "UNSIGNED-PAYLOAD"},
    ],
)
def test_a_body_of_which_two_things_or_nothing_clear_is_said_is_refused(
    keyed: Keyed, echo: Echo, said: dict[str, str]
) -> None:
    before = len(echo.seen)
    status, _, answer = keyed.ask_tls(echo.port, "/x", said, host=HOST, method="POST", body=b"x")
    assert (status, len(echo.seen)) == (400, before)
    assert b"body" in answer


def test_elsewhere_nothing_is_signed(keyed: Keyed, echo: Echo, authority: Authority) -> None:
    """Not for another host, another port, the name above a wildcard or one that only ends like it."""
    with authority.client_context().wrap_socket(
        keyed.tunnel(ELSEWHERE, echo.port), server_hostname=ELSEWHERE
    ) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {ELSEWHERE}\r\nAuthorization: {FORGED}\r\n\r\n".encode())
        tls.recv(65536)
    assert echo.sent("Authorization") == [FORGED]
    wild = Lease("lea_0", SESSION, "lake", 1, (f"*.{HOST}:443",), "sigv4", "eu-central-1", "s3")
    assert wild.covers(f"a.b.{HOST}", 443)
    for host, port in ((HOST, 443), (f"evil{HOST}", 443), (OWN, 8443), (f"{OWN}.evil.local", 443)):
        assert not wild.covers(host, port)


def test_of_two_keys_for_one_host_the_closest_goes_out_and_alone(keyed: Keyed, echo: Echo) -> None:
    """A wildcard and a header of the same place would be two credentials in one request."""
    keyed.add(f"{OWN}:{echo.port}", value="another-key-altogether", name="other")
    keyed.ask_tls(echo.port, "/x", host=OWN)
    assert _is_ours(echo, OWN)
    keyed.take(keyed.leases[::-1])
    keyed.ask_tls(echo.port, "/x", {"Authorization": FORGED}, host=OWN)
    assert echo.sent("Authorization") == ["Bearer another-key-altogether"]


@pytest.mark.parametrize("path", ["/plain", "/chunks", "/header", "/error", "/reason", "/json"])
def test_keys_that_come_back_have_stars(keyed: Keyed, echo: Echo, path: str) -> None:
    status, headers, body = keyed.ask_tls(echo.port, path, host=HOST)
    got = f"{status} {headers} ".encode() + body
    assert KEYS.access_key_id in echo.sent("Authorization")[0]
    for part in KEYS.parts:
        assert part.encode() not in got
        assert json.dumps(part)[1:-1].encode() not in got
    assert not any(part in str(one) for part in KEYS.parts for one in keyed.kept.ended_ones)
