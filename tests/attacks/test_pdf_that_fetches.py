"""A page that is printed to PDF tries to fetch a local file, another machine, and to run script meanwhile."""

from __future__ import annotations

import io
import socket
import threading
from typing import TYPE_CHECKING

import pypdf
import pytest

from nbkeep.rendering import job, pdf
from nbkeep.rendering.interface import Order
from render_parts import code, notebook, shown, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.attack,
    pytest.mark.skipif(bool(pdf.missing()), reason=pdf.missing() or "all is there"),
]

SECRET = "what-lies-in-the-file"


class Listener:
    """A server on this machine that only notes who comes."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                one, _ = self._socket.accept()
            except OSError:
                return
            with one:
                self.came.append(one.recv(1000))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener()
    yield one
    one.close()


def hostile(listener: Listener, file: Path) -> str:
    url, local = listener.url, file.as_uri()
    return (
        f"<iframe src='{local}' width=600 height=300></iframe><iframe src='file:///etc/passwd'></iframe>"
        f"<object data='{local}'></object><embed src='{local}'><img src='{url}/img'><link rel=prefetch href='{url}/prefetch'>"
        f"<link rel=stylesheet href='{url}/css'><link rel=preconnect href='{url}'><svg><image href='{url}/svg' width=9 height=9 />"
        f"</svg><style>@import '{url}/import';@font-face{{font-family:x;src:url({url}/font)}}p{{font-family:x;background:url({url}/bg)}}"
        f"</style><p>the words of the page</p><iframe src='{url}/frame'></iframe><video src='{url}/video' autoplay></video>"
        f"<script>fetch('{url}/script');document.write('script-ran');new Image().src='{url}/script2'</script>"
        f"<meta http-equiv=refresh content='0;url={url}/refresh'>"
    )


def read(data: bytes) -> str:
    return "\n".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(data)).pages)


def test_a_page_that_nobody_cleaned_fetches_nothing(listener: Listener, tmp_path: Path) -> None:
    """The jail and the browser's own settings alone have to hold."""
    (tmp_path / "secret.txt").write_text(SECRET)
    page, out = tmp_path / "page.html", tmp_path / "out"
    page.write_text(f"<!DOCTYPE html><body>{hostile(listener, tmp_path / 'secret.txt')}</body>")
    out.mkdir()
    assert pdf.make(page, out, timeout_s=60) == ""
    words = read((out / "page.pdf").read_bytes())
    assert "the words of the page" in words
    assert SECRET not in words
    assert "root:" not in words
    assert "script-ran" not in words
    assert listener.came == []


def test_a_notebook_that_tries_is_printed_without_it(listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    bad = hostile(listener, tmp_path / "secret.txt")
    source = tmp_path / "a.ipynb"
    source.write_bytes(notebook(text(f"# A title\n{bad}"), code("a = 1", shown(text_html=bad))))
    done = job.make(source, Order("a.ipynb", "pdf"), tmp_path)
    assert done.problem == ""
    assert done.plain is not None
    assert (done.plain.name, done.plain.media_type) == ("a.pdf", "application/pdf")
    words = read(done.plain.file.read_bytes())
    assert "A title" in words
    assert "a = 1" in words
    assert SECRET not in words
    assert "script-ran" not in words
    assert listener.came == []
