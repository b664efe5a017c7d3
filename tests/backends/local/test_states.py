"""Saved states on disk: read as a stranger's, deleted whole, never by way of a link."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nbkeep.backends.local.layout import Layout
from nbkeep.backends.local.states import delete_state, saved_with, states

SESSION = "ses_01kdvdna00agrwv59xw0"
TOLD: dict[str, Any] = {
    "format": 1,
    "saved_at": "2026-11-21T06:00:00+00:00",
    "bytes": 42,
    "kernels": [
        {"path": "a.ipynb", "name": "python3", "language": "python", "kept": 2, "bytes": 42,
         "lost": [{"name": "sock", "reason": "A socket cannot be kept.", "type": "socket"}]}
    ],
}  # fmt: skip


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def write(layout: Layout, told: object, session_id: str = SESSION) -> Path:
    folder = layout.state("jane") / "checkpoints" / session_id
    (folder / "chunks").mkdir(parents=True)
    (folder / "chunks/0").write_bytes(b"x")
    (folder / "state.json").write_text(told if isinstance(told, str) else json.dumps(told))
    return folder


def test_a_state_is_told_with_what_could_not_be_kept(layout: Layout) -> None:
    write(layout, TOLD)
    found = states(layout, "jane")
    assert [(one.session_id, one.bytes, one.kernels[0].kept) for one in found] == [(SESSION, 42, 2)]
    assert found[0].kernels[0].lost[0].name == "sock"
    assert states(layout, "tom") == []


def test_which_states_fit_a_build_of_an_image_is_counted_over_all_users(layout: Layout) -> None:
    write(layout, TOLD | {"image_digest": "one"})
    write(layout, TOLD, "ses_01kdvdna00agrwv59xw1")  # as an earlier release wrote it
    assert states(layout, "jane")[0].image_digest == "one"
    assert (saved_with(layout, "one"), saved_with(layout, "two")) == (1, 0)


@pytest.mark.parametrize(
    "told",
    ["", "[]", "{", "[" * 100_000, json.dumps(TOLD | {"format": 2}), json.dumps(TOLD | {"saved_at": "soon"}),
     json.dumps(TOLD | {"saved_at": "2026-11-21T06:00:00"}), json.dumps(TOLD | {"bytes": "42"}),
     json.dumps(TOLD | {"kernels": {}}), json.dumps(TOLD | {"kernels": [1]}), json.dumps(TOLD | {"x": "y" * (1 << 21)})],
)  # fmt: skip
def test_what_is_not_of_the_form_is_no_state_and_hides_no_other(layout: Layout, told: str) -> None:
    write(layout, told)
    other = "ses_01kdvdna00agrwv59xw1"
    write(layout, TOLD, other)
    assert [one.session_id for one in states(layout, "jane")] == [other]


def test_long_lists_and_texts_are_cut_and_numbers_bounded(layout: Layout) -> None:
    kernel = TOLD["kernels"][0] | {"path": "p" * 5000, "kept": -5, "lost": TOLD["kernels"][0]["lost"] * 500}
    write(layout, TOLD | {"kernels": [kernel] * 3, "bytes": 1 << 80})
    found = states(layout, "jane")[0]
    assert found.bytes == 1 << 53
    assert (len(found.kernels[0].path), found.kernels[0].kept, len(found.kernels[0].lost)) == (1000, 0, 200)


def test_a_deleted_state_is_gone_and_twice_is_safe(layout: Layout) -> None:
    folder = write(layout, TOLD)
    delete_state(layout, "jane", SESSION)
    delete_state(layout, "jane", SESSION)
    delete_state(layout, "tom", SESSION)
    assert not folder.exists()
    assert states(layout, "jane") == []


@pytest.mark.parametrize("level", ["checkpoints", "session", "file"])
def test_no_link_is_followed(layout: Layout, tmp_path: Path, level: str) -> None:
    """Whoever owns the folder could point it at a file or a folder of somebody else."""
    elsewhere = Layout(tmp_path / "elsewhere")
    folder = write(elsewhere, TOLD)
    mine = layout.state("jane") / "checkpoints"
    if level == "checkpoints":
        mine.parent.mkdir(parents=True)
        mine.symlink_to(folder.parent)
    elif level == "session":
        mine.mkdir(parents=True)
        (mine / SESSION).symlink_to(folder)
    else:
        (mine / SESSION).mkdir(parents=True)
        (mine / SESSION / "state.json").symlink_to(folder / "state.json")
    assert states(layout, "jane") == []
    try:
        delete_state(layout, "jane", SESSION)
    except OSError:
        assert level != "file"
    assert (folder / "state.json").exists()
    assert (folder / "chunks/0").exists()
