"""What a push would send is found wherever it stands: packs that real git made, looked through."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from nbkeep.pushes.look import look_through
from nbkeep.pushes.objects import Objects
from nbkeep.scanning.detect import standard
from nbkeep.scanning.spans import Look
from push_parts import Repository, needs_git
from scan_parts import KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = needs_git
LOOK = Look(standard(), heed_marks=False)


@pytest.fixture
def here(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "here")


def looked(here: Repository, tmp_path: Path, refs: tuple[str, ...] = ("refs/heads/main",)) -> dict[str, Any]:
    pack = tmp_path / "pack"
    pack.write_bytes(b"before it" + here.pack())
    with Objects(pack, len(b"before it"), tmp_path / "unpacked") as objects:
        return look_through(objects, ["https://forge.acme.local/risk.git", *refs], [], LOOK, page=True)


def in_a_file(here: Repository) -> None:
    here.commit(text=f'key = "{KEY}"\n')


def in_a_message(here: Repository) -> None:
    here.commit(message=f"Use the key {KEY}")


def in_an_authors_name(here: Repository) -> None:
    here.commit(more=(f"--author=Jane {KEY} <jane@acme.com>",))


def in_an_older_commit(here: Repository) -> None:
    here.commit(text=f'key = "{KEY}"\n')
    here.commit(text="key = load()\n")


def in_a_deleted_file(here: Repository) -> None:
    here.commit("secrets.env", f"AWS_KEY={KEY}\n")
    (here.folder / "secrets.env").unlink()
    here.commit()


def in_a_tag(here: Repository) -> None:
    here.commit()
    here.git("tag", "-a", "v1", "-m", f"Built with {KEY}")


def in_a_name(here: Repository) -> None:
    here.commit(f"data/{KEY}/table.csv", "a,b\n1,2\n")


def in_a_link(here: Repository) -> None:
    (here.folder / "link").symlink_to(f"/somewhere/{KEY}")
    here.commit()


def in_an_output(here: Repository) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": [f"{KEY}\n"]}
    cell: dict[str, Any] = {
        "cell_type": "code",
        "metadata": {},
        "source": "1",
        "outputs": [output],
        "execution_count": 1,
    }
    notebook: dict[str, Any] = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    here.commit("a.ipynb", json.dumps(notebook))


def in_a_copy_that_is_read_otherwise(here: Repository) -> None:
    here.commit("a.bin", f'key = "{KEY}"\n')
    here.commit("a.py", f'key = "{KEY}"\n')


PLACES = (in_a_file, in_a_message, in_an_authors_name, in_an_older_commit, in_a_deleted_file, in_a_tag, in_a_name,
          in_a_link, in_an_output, in_a_copy_that_is_read_otherwise)  # fmt: skip


@pytest.mark.parametrize("put", PLACES)
def test_a_key_is_found_and_shown_nowhere(
    here: Repository, tmp_path: Path, put: Callable[[Repository], None]
) -> None:
    put(here)
    found = looked(here, tmp_path)
    assert {one.title for one in found["findings"]} == {"AWS access key ID"}, found["findings"]
    told = repr(found)
    assert KEY not in told
    assert found["commit_count"] == int(here.git("rev-list", "--count", "--all"))


def test_a_key_in_the_name_of_a_branch(here: Repository, tmp_path: Path) -> None:
    here.commit()
    found = looked(here, tmp_path, (f"refs/heads/try-{KEY}",))
    assert [one.title for one in found["findings"]] == ["AWS access key ID"]
    assert KEY not in repr(found)


def test_what_people_are_called_in_every_commit_is_no_finding(here: Repository, tmp_path: Path) -> None:
    here.commit(message="Work\n\nCo-authored-by: Bob Bell <bob.bell@acme-corp.com>")
    assert looked(here, tmp_path)["findings"] == []


def test_an_address_in_a_message_is_one(here: Repository, tmp_path: Path) -> None:
    here.commit(message="Ask anna.schmidt@customer-bank.com about her account")
    assert [one.kind for one in looked(here, tmp_path)["findings"]] == ["personal"]


def test_a_mark_of_its_author_lets_nothing_out(here: Repository, tmp_path: Path) -> None:
    here.commit(text=f'key = "{KEY}"  # nbkeep:allow it is an example\n')
    assert [one.allowed for one in looked(here, tmp_path)["findings"]] == [""]


def test_what_no_commit_names_is_read_as_well(here: Repository, tmp_path: Path) -> None:
    here.commit()
    (tmp_path / "stray").write_text(f'key = "{KEY}"\n')
    stray = here.git("hash-object", "-w", str(tmp_path / "stray")).strip()
    pack = subprocess.run(["git", "-C", str(here.folder), "pack-objects", "--stdout", "-q"],
                          input=f"{stray}\n".encode(), capture_output=True, check=True).stdout  # fmt: skip
    (tmp_path / "pack").write_bytes(pack)
    with Objects(tmp_path / "pack", 0, tmp_path / "unpacked") as objects:
        found = look_through(objects, ["https://forge.acme.local/risk.git"], [], LOOK, page=False)
    assert [one.path for one in found["findings"]] == [f"(no commit names it)/{stray[:12]}"]


def test_a_message_that_is_not_shown_to_its_end_says_so(here: Repository, tmp_path: Path) -> None:
    here.commit(message="Work\n" + "x" * 5000)
    here.commit("b.py", message="Short")
    long, short = looked(here, tmp_path)["commits"]
    assert long["message"][-1][1] == "not all is shown"
    assert [title for _, title in short["message"]] == [""]


def test_a_file_is_told_under_all_its_names_and_as_what_it_stands_there(
    here: Repository, tmp_path: Path
) -> None:
    text = "a.py, or a longer text\n"
    for path in ("a.py", "one/b.py", "one/c.py", "two/b.py"):
        here.commit(path, text)
    (here.folder / "two/c.py").write_text(text)  # the same folder as one, by another name
    (here.folder / "run.py").write_text(text)
    (here.folder / "run.py").chmod(0o755)
    (here.folder / "link").symlink_to(text)
    here.commit("d.py", text)
    (file,) = looked(here, tmp_path)["files"]
    told = {file["path"], *file["places"]}
    assert told == {
        "a.py", "one/b.py", "one/c.py", "two/b.py", "two/c.py", "run.py (executable)", "link (link)", "d.py",
    }  # fmt: skip
    assert file["more_places"] == 0
