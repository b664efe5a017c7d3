"""Somebody's session in quarantine beside their own: another origin, another home, and nothing afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from platform_parts import Session, wait_for

if TYPE_CHECKING:
    from platform_parts import Platform

MARK = "of-her-own-4815"


class Closed(Session):
    """A session in quarantine: its address is not under its owner's host."""

    @property
    def url(self) -> str:
        found = urlsplit(str(self.view["url"]))
        return f"{found.scheme}://{found.netloc}{found.path.partition('/lab')[0]}/"


def test_what_runs_in_quarantine_meets_nothing_of_its_person_and_leaves_nothing(platform: Platform) -> None:
    person = platform.person()
    person.sign_in()
    own = person.start(name="own")
    own.open()
    own.execute(own.kernel(), f"open('{MARK}', 'w').write('x')")
    started = person.start("quarantine", "closed")
    closed = Closed(person, started.id, started.name)
    host = f"0-q-{closed.id.removeprefix('ses_')}.localhost:{platform.port}"
    assert urlsplit(closed.url).netloc == host != urlsplit(own.url).netloc

    page = closed.open()
    assert (page.status_code, page.url.netloc.decode()) == (200, host)
    # What an output shows is fetched from nowhere else: the browser is no way out, either.
    assert "default-src 'self' " in page.headers["content-security-policy"]
    assert "default-src" not in own.open().headers["content-security-policy"]
    names = [one["name"] for one in closed.call("GET", "api/contents").json()["content"]]
    assert MARK not in names
    kernel = closed.kernel()
    assert closed.execute(kernel, "import os; print(sorted(os.listdir()))").strip() == "['.ipython']"
    written = f"import pathlib; pathlib.Path('left-{MARK}').write_text('x'); print('written')"
    assert closed.execute(kernel, written).strip() == "written"
    asked = "import urllib.request as u\ntry: u.urlopen('http://example.org')\nexcept Exception as e: print('refused')"
    assert closed.execute(kernel, asked).strip() == "refused"
    # Script in its tabs has no cookie for the other one, and the other one's host leads to nothing of it.
    here = person.web.get(closed.url.replace(host, urlsplit(own.url).netloc) + "api/contents")
    assert here.status_code != 200
    there = person.web.get(own.url.replace(urlsplit(own.url).netloc, host) + "api/contents")
    assert there.status_code != 200
    assert MARK in [one["name"] for one in own.call("GET", "api/contents").json()["content"]]
    refused = closed.call("GET", f"files/left-{MARK}?download=1")
    assert (refused.status_code, "quarantine" in refused.text) == (403, True), refused.text

    folder = platform.data_dir / "run/s" / closed.id
    assert (folder / "home" / f"left-{MARK}").exists()
    closed.stop()
    wait_for(lambda: not folder.exists(), 30, "its folder to be gone")
    assert not (platform.data_dir / "homes" / person.name / f"left-{MARK}").exists()
    again = person.start("quarantine", "closed")
    assert again.state == "ready"
    # A tab of the first one may be open still: the second one is on another host, and not on that of the first.
    second = Closed(person, again.id, again.name)
    assert urlsplit(second.url).netloc != host
    assert second.open().status_code == 200
    stale = person.web.get(second.url.replace(urlsplit(second.url).netloc, host) + "api/contents")
    assert stale.status_code != 200
    again.stop()
    own.stop()
