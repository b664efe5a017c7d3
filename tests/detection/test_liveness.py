"""Whether a key works is asked of its own provider, by the office, where an officer has said so; nobody keeps it."""

from __future__ import annotations

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

import pytest

from egress_parts import Authority, serving
from guard_parts import say
from nbkeep.audit.search import Wanted, search
from nbkeep.detection import liveness
from nbkeep.detection.asking import Asker
from nbkeep.detection.providers import PROVIDERS, Alive
from nbkeep.detection.sending import MOST_ASKED
from nbkeep.doors.worker.releases import ReleaseExaminer
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.outbox.notices import list_notices
from nbkeep.releases.view import release_view
from nbkeep.rendering import job
from nbkeep.rendering.interface import Value
from nbkeep.scanning.examples import fill
from nbkeep.scanning.rulebook import built_in
from nbkeep.store.release_tables import ReleaseRow
from nbkeep.store.tables import UserRow
from release_parts import ask, notebook, row, run
from render_parts import needs_a_jail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from office_parts import OfficeForTests


def example(rule: str, seed: int = 1) -> str:
    """Return a made-up value of a rule, as the rule finds it."""
    found = next(one for one in built_in() if one.id == rule)
    text = fill(found.examples[0], random.Random(seed))  # noqa: S311 - an example, no key
    match = next(found.regex.finditer(text))
    return match["value"]


class Provider(ThreadingHTTPServer):
    """A provider by HTTPS on this machine: `answers` by the key, and what it was asked."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket = authority.server_context("localhost").wrap_socket(self.socket, server_side=True)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[tuple[str, str, str]] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    @property
    def _provider(self) -> Provider:
        return cast("Provider", self.server)

    def do_GET(self) -> None:
        said = self.headers.get("Authorization") or f"Bearer {self.headers.get('PRIVATE-TOKEN')}"
        key = said.removeprefix("Bearer ")
        self._provider.asked.append((self.command, self.path, key))
        status, body = self._provider.answers.get(key, (401, b"{}"))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"{self._provider.url}/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[tuple[Provider, Asker]]:
    authority = Authority.make(tmp_path)
    with serving(Provider(authority)) as server:
        urls = {name: f"{server.url}/{name}" for name in PROVIDERS}
        yield server, Asker(urls, authority.client_context())


def value(rule: str, text: str) -> Value:
    return Value(rule, text[:4], text)


def test_each_provider_is_asked_about_its_own_keys_and_no_others(provider: tuple[Provider, Asker]) -> None:
    server, asker = provider
    github, slack = example("github-token"), example("slack-token")
    server.answers = {
        github: (200, b"{}"),
        slack: (200, json.dumps({"ok": False, "error": "token_revoked"}).encode()),
    }
    values = [
        value("github-token", github),
        value("slack-token", slack),
        value("stripe-key", "sk_live_whatever1"),
    ]
    told = asker.ask(["github", "slack"], values)
    assert told == {
        ("github-token", github[:4]): Alive.LIVE,
        ("slack-token", slack[:4]): Alive.DEAD,
    }
    assert sorted((method, path) for method, path, _ in server.asked) == [
        ("GET", "/github"),
        ("POST", "/slack"),
    ]


@pytest.mark.parametrize(
    ("status", "body", "alive"),
    [(200, b"{}", "live"), (401, b"{}", "dead"), (403, b"", "unknown"), (429, b"", "unknown"),
     (500, b"", "unknown"), (302, b"", "unknown"), (200, b"x" * (1 << 20), "live")],
)  # fmt: skip
def test_what_says_nothing_is_unknown_and_nobody_is_sent_elsewhere(
    provider: tuple[Provider, Asker], status: int, body: bytes, alive: str
) -> None:
    server, asker = provider
    key = example("github-token")
    server.answers = {key: (status, body)}
    told = asker.ask(["github"], [value("github-token", key)])
    assert list(told.values()) == [alive]
    assert [path for _, path, _ in server.asked] == ["/github"]


def test_a_key_that_is_no_header_and_a_provider_that_proves_nothing_are_not_asked(
    provider: tuple[Provider, Asker],
) -> None:
    """Attack: a value that adds a header of its own; a server in the provider's place."""
    server, asker = provider
    told = asker.ask(
        ["github"], [value("github-token", "ghp_aaaaaaaa\r\nHost: x"), value("github-token", "ä" * 20)]
    )
    assert set(told.values()) == {Alive.UNKNOWN}
    untrusting = Asker({"github": f"{server.url}/github"})
    assert set(untrusting.ask(["github"], [value("github-token", example("github-token"))]).values()) == {
        Alive.UNKNOWN
    }
    assert server.asked == []


def test_no_more_than_a_few_are_asked_of_one_document(provider: tuple[Provider, Asker]) -> None:
    server, asker = provider
    values = [Value("github-token", str(number), f"ghp_{number:036}") for number in range(60)]
    told = asker.ask(["github"], values)
    assert (len(told), len(server.asked)) == (60, MOST_ASKED)
    assert sum(one is Alive.UNKNOWN for one in told.values()) == 40


def test_it_is_off_until_an_officer_turns_it_on(office: OfficeForTests) -> None:
    ada, jane, rita = office.user("ada", Role.ADMIN), office.user("jane"), office.user("rita", Role.AUDITOR)
    with office.store.write() as tx:
        assert liveness.asked_providers(tx) == ()
        for who, name in ((jane, "github"), (rita, "github"), (ada, "evil.example")):
            with pytest.raises(Refused):
                liveness.set_liveness(tx, office.clock, who, name, on=True)
        for _ in range(2):
            liveness.set_liveness(tx, office.clock, ada, "github", on=True)
        assert [one["name"] for one in liveness.list_liveness(tx, rita) if one["on"]] == ["github"]
        liveness.set_liveness(tx, office.clock, ada, "github", on=False)
        assert liveness.asked_providers(tx) == ()
        assert len(search(tx, OPERATOR, Wanted(type="liveness")).records) == 2


@needs_a_jail
def test_reviewers_see_that_a_key_works_its_author_does_not_and_nothing_holds_it(
    office: OfficeForTests, provider: tuple[Provider, Asker], caplog: pytest.LogCaptureFixture
) -> None:
    server, asker = provider
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    key = example("github-token")
    server.answers = {key: (200, json.dumps({"token": key}).encode())}
    say(office, "everywhere", "export", secret="review")

    def leave() -> str:
        release_id = ask(office, jane, notebook(f"token = '{key}'"))
        run(office, job.make, ReleaseExaminer(office, job.make, asker))
        return release_id

    first = row(office, leave())
    assert server.asked == []
    assert "alive" not in first.findings[0]
    with office.store.write() as tx:
        liveness.set_liveness(tx, office.clock, OPERATOR, "github", on=True)
    release_id = leave()
    assert server.asked == [("GET", "/github", key)]
    with office.store.read() as tx:
        held, author = tx.get_one(ReleaseRow, release_id), tx.get_one(UserRow, jane.id)
        seen = release_view(tx, rita, office.clock.now(), held, author)
        own = release_view(tx, jane, office.clock.now(), held, author)
        notices = [one.text for one in list_notices(tx, rita)]
        [event] = search(tx, OPERATOR, Wanted(type="liveness.answered")).records
        [asked] = search(tx, OPERATOR, Wanted(type="liveness.asked")).records
    assert {one["alive"] for one in seen["findings"] if one["rule"] == "github-token"} == {"live"}
    assert "alive" not in str(own["findings"])
    assert any("still work: have them revoked" in one for one in notices)
    assert event["data"]["answers"] == [{"rule": "github-token", "alive": "live"}]
    assert asked["data"]["providers"] == {"github": 1}
    assert key not in str([seen, own, notices, event, asked]) + caplog.text
