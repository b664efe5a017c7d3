"""The files of a session through the server: quick, atomic, and never outside the home."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from session_server import RunningServer, eventually


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer() as running:
        yield running


def test_a_file_is_saved_renamed_copied_and_deleted(server: RunningServer) -> None:
    server.json("PUT", "api/contents/x.txt", json={"type": "file", "format": "text", "content": "é"})
    assert server.json("GET", "api/contents/x.txt")["content"] == "é"
    server.json("PATCH", "api/contents/x.txt", json={"path": "y.txt"})
    assert server.json("POST", "api/contents/", json={"copy_from": "y.txt"})["path"] == "y-Copy1.txt"
    server.json("DELETE", "api/contents/y.txt")
    names = {entry["name"] for entry in server.json("GET", "api/contents")["content"]}
    assert "y-Copy1.txt" in names
    assert "y.txt" not in names


def test_a_folder_with_its_content_is_copied_and_deleted(server: RunningServer) -> None:
    (server.home / "d/e").mkdir(parents=True)
    (server.home / "d/e/f").write_text("1")
    (server.home / "d/out").symlink_to(server.root)
    assert server.json("POST", "api/contents/", json={"copy_from": "d"})["path"] == "d-Copy1"
    assert (server.home / "d-Copy1/e/f").read_text() == "1"
    assert not (server.home / "d-Copy1/out").exists()
    server.json("DELETE", "api/contents/d")
    assert server.root.exists()
    assert not (server.home / "d").exists()


def test_big_uploads_arrive_in_pieces(server: RunningServer) -> None:
    for chunk, text in ((1, "aa"), (2, "bb"), (-1, "cc")):
        body = {"type": "file", "format": "text", "content": text, "chunk": chunk}
        server.json("PUT", "api/contents/big.bin", json=body)
        assert (server.home / "big.bin").exists() == (chunk == -1)
    assert (server.home / "big.bin").read_text() == "aabbcc"


def test_a_checkpoint_can_be_restored(server: RunningServer) -> None:
    server.put_notebook("cp.ipynb", "old")
    checkpoint = server.json("POST", "api/contents/cp.ipynb/checkpoints")
    server.put_notebook("cp.ipynb", "new")
    assert len(server.json("GET", "api/contents/cp.ipynb/checkpoints")) == 1
    server.request("POST", f"api/contents/cp.ipynb/checkpoints/{checkpoint['id']}")
    assert server.json("GET", "api/contents/cp.ipynb")["content"]["cells"][0]["source"] == "old"


@pytest.mark.parametrize(
    "path", ["api/contents/out/secret", "files/out/secret", "api/contents/%2e%2e/secret"]
)
def test_the_server_does_not_read_through_links_out_of_the_home(server: RunningServer, path: str) -> None:
    (server.root / "secret").write_text("token-of-the-platform")
    link = server.home / "out"
    if not link.is_symlink():
        link.symlink_to(server.root)
    answer = server.request("GET", path)
    assert answer.status_code in {403, 404}
    assert "token-of-the-platform" not in answer.text
    assert "out" not in {entry["name"] for entry in server.json("GET", "api/contents")["content"]}


def test_a_pipe_in_the_home_blocks_nobody(server: RunningServer) -> None:
    os.mkfifo(server.home / "pipe.txt")
    begun = time.monotonic()
    assert server.request("GET", "api/contents/pipe.txt").status_code == 403
    assert server.request("GET", "files/pipe.txt").status_code == 403
    assert time.monotonic() - begun < 2


def test_downloads_are_streamed_with_ranges_and_recorded(server: RunningServer) -> None:
    (server.home / "data.bin").write_bytes(bytes(range(256)) * 20_000)
    whole = server.request("GET", "files/data.bin?download=1")
    assert whole.content == (server.home / "data.bin").read_bytes()
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    part = server.request("GET", "files/data.bin", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    assert server.request("GET", "files/data.bin", headers={"Range": "bytes=99999999-"}).status_code == 416
    event = eventually(lambda: server.office.of_type("file.downloaded"))[0]
    assert (event["path"], event["bytes"]) == ("data.bin", 256 * 20_000)


def test_a_folder_of_100_000_files_is_listed_whole(server: RunningServer) -> None:
    """How fast is `benchmarks/bench_big.py`'s business."""
    folder = server.home / "many"
    folder.mkdir()
    for number in range(100_000):
        os.close(os.open(folder / f"{number}.csv", os.O_CREAT | os.O_WRONLY))
    answer = server.request("GET", "api/contents/many?content=1")
    names = {entry["name"] for entry in answer.json()["content"]}
    assert names == {f"{number}.csv" for number in range(100_000)}


def test_what_fills_the_home_is_told_and_only_that_is_cleaned(server: RunningServer) -> None:
    (server.home / ".cache/pip").mkdir(parents=True)
    (server.home / ".cache/pip/wheel").write_bytes(b"x" * 3_000_000)
    (server.home / ".cache/pip/again").hardlink_to(server.home / ".cache/pip/wheel")
    (server.home / "precious").mkdir()
    (server.home / "model.bin").write_bytes(bytes(60_000_000))
    usage = server.json("GET", "nbkeep/api/home/usage")
    told = {one["path"]: one["bytes"] for one in [*usage["folders"], *usage["suggestions"]]}
    assert 3_000_000 <= told[".cache"] < 4_000_000  # once, although its folder and what may go are the same
    assert 3_000_000 <= told[".cache/pip"] <= told[".cache"]
    assert [suggestion["path"] for suggestion in usage["suggestions"]] == [".cache/pip"]
    assert [one["path"] for one in usage["files"]] == ["model.bin"]
    assert usage["files"][0]["bytes"] >= 60_000_000
    asked = [".cache/pip", ".cache", "precious", "model.bin", "../state"]
    left = server.json("POST", "nbkeep/api/home/clean", json={"paths": asked})
    assert left["freed_bytes"] >= 3_000_000
    assert not (server.home / ".cache/pip").exists()
    assert (server.home / ".cache").exists()
    assert (server.home / "model.bin").exists()
    assert (server.home / "precious").exists()
    assert server.state.exists()
