"""Attack: have the server send the secret back: plain, in pieces, in headers, in errors, in other spellings."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress_parts import Authority, NameServer, serving
from keyed_parts import HOST, VALUE, Echo, Keyed
from nbkeep.egress.additions import Added, Mask
from nbkeep.egress.leases import Lease

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
LEASE = Lease("lea_0", "ses_0", "x", 1, (f"{HOST}:443",), "header", "Authorization", "Bearer {}")
FORMS = Added(LEASE, VALUE).forms


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Keyed]:
    folder: Path = tmp_path_factory.mktemp("keyed")
    authority = Authority.make(folder)
    with serving(Echo(authority, HOST)) as echo:
        found = Keyed(folder, NameServer(api_acme_local=[["127.0.0.1"]]), roots=authority.file)
        found.reach(f"{HOST}:{echo.port} 127.0.0.1:{echo.port}")
        found.add(f"{HOST}:{echo.port}")
        found.echo = echo  # pyright: ignore[reportAttributeAccessIssue]
        yield found
        found.end()


@pytest.mark.parametrize("path", ["/plain", "/chunks", "/header", "/error", "/reason", "/json"])
def test_what_comes_back_has_stars(keyed: Keyed, path: str) -> None:
    echo: Echo = keyed.echo  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    status, headers, body = keyed.ask_tls(echo.port, path)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    assert echo.sent("Authorization") == [f"Bearer {VALUE}"]  # pyright: ignore[reportUnknownMemberType]
    got = f"{status} {headers} ".encode() + body
    assert not any(form in got for form in FORMS), got
    if path != "/reason":
        assert b"*" * len(VALUE) in got


@pytest.mark.parametrize(
    "said",
    [VALUE, quote(VALUE, safe=""), quote_plus(VALUE), json.dumps(VALUE), html.escape(VALUE),
     json.dumps(VALUE).replace("/", "\\/"), base64.b64encode(VALUE.encode()).decode()],
)  # fmt: skip
def test_other_spellings_have_stars(said: str) -> None:
    mask = Mask(FORMS)
    assert said.strip('"').encode() not in mask.feed(f"<{said}>".encode()) + mask.rest()


@given(st.lists(st.integers(0, 120), max_size=20), st.binary(max_size=40), st.sampled_from([b"", b"abcab"]))
def test_no_border_between_pieces_lets_it_through(cuts: list[int], noise: bytes, begun: bytes) -> None:
    """Nothing but the secret is changed, whatever the pieces, also after a beginning that is none."""
    value = b"abcabcabd-secret"
    text = noise + begun + value + noise
    mask = Mask([value])
    at, out = 0, b""
    for cut in [*sorted(cuts), len(text)]:
        out += mask.feed(text[at : max(at, cut)])
        at = max(at, cut)
    assert out + mask.rest() == text.replace(value, b"*" * len(value))
