"""The documentation says what is true: commands exist, and nothing that exists is missing from it."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer.main

from nbkeep.doors.cli.app import build_app
from nbkeep.model.actor import ROLE_SCOPES, SCOPES
from nbkeep.model.session import SessionState, StopReason
from nbkeep.quotas.parse import is_option
from nbkeep.settings import Settings

ROOT = Path(__file__).parents[3]
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "ARCHITECTURE.md",
]
TREE: Any = typer.main.get_command(build_app())


def commands_in(text: str) -> Iterator[str]:
    """Give each `nbkeep …` of code blocks and of inline code, with continued lines joined."""
    text = text.replace("\\\n", " ")
    for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            found = re.match(r"\s*(?:\$ |sudo |uv run |\S+=\S+ )*(nbkeep .*)", line)
            if found:
                yield found[1]
    without_blocks = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from (found for found in re.findall(r"`(?:uv run |\S+=\S+ )*(nbkeep [^`]*)`", without_blocks))


def problem_of(line: str) -> str:
    """Return what is wrong with a documented command line, or ""."""
    words = shlex.split(
        line.split(" | ", maxsplit=1)[0].split(" > ", maxsplit=1)[0].split(" < ", maxsplit=1)[0],
        comments=True,
    )
    node, path = TREE, ["nbkeep"]
    position = 1
    while hasattr(node, "commands") and position < len(words) and not words[position].startswith("-"):
        if words[position] in {"…", "..."} or "|" in words[position]:
            return ""  # a family of verbs, such as `nbkeep flavor …`
        if words[position] not in node.commands:
            return f"there is no `{' '.join([*path, words[position]])}`"
        path.append(words[position])
        node = node.commands[words[position]]
        position += 1
    known = {name for one in node.params for name in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
    for word in words[position:]:
        name = word.split("=")[0]
        if path[1:2] == ["quota"] and is_option(name):
            continue  # its name has a type of GPU, or a flavor, in it
        if re.match(r"--?[a-z]", name) and name not in known | {"--install-completion", "--show-completion"}:
            return f"`{' '.join(path)}` has no {name}"
    return ""


def leaves(node: Any = TREE, path: tuple[str, ...] = ("nbkeep",)) -> Iterator[str]:
    for name, child in node.commands.items():
        if child.hidden:
            continue
        if hasattr(child, "commands"):
            yield from leaves(child, (*path, name))
        else:
            yield " ".join((*path, name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_documented_command_exists_with_its_options(page: Path):
    wrong = [f"{line}: {problem}" for line in commands_in(page.read_text()) if (problem := problem_of(line))]
    assert not wrong, "\n".join(wrong)


def sentences_in(source: str) -> Iterator[str]:
    """Give what a program may say: its strings, with `…` for what is put into them; and what `not_found` makes."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.JoinedStr(values=values):
                yield "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in values)
            case ast.Constant(value=str(text)):
                yield text
            case ast.Call(func=ast.Name("not_found"), args=[ast.Constant(noun), _], keywords=[]):
                yield f"`nbkeep {noun} list`"
            case ast.Call(func=ast.Name("not_found"), args=[_, _, ast.Constant(verb)]):
                yield f"`nbkeep {verb}`"
            case _:
                pass


def test_every_command_that_the_program_names_exists():
    """Refusals and hints tell people what to type next."""
    wrong = [
        f"{file.relative_to(ROOT)}: {line}: {problem}"
        for file in sorted((ROOT / "src").rglob("*.py"))
        for sentence in sentences_in(file.read_text())
        for line in commands_in(sentence)
        if (problem := problem_of(line))
    ]
    assert not wrong, "\n".join(wrong)


def test_commands_in_refusals_are_found_where_they_are_made():
    source = (
        'Refused("x", f"See `nbkeep user invent {name}`."); not_found("wish", name); not_found("a", b, "c d")'
    )
    named = [line for one in sentences_in(source) for line in commands_in(one)]
    assert sorted(named) == ["nbkeep c d", "nbkeep user invent …", "nbkeep wish list"]


def test_the_check_itself_notices_what_does_not_exist():
    assert problem_of("nbkeep user invent")
    assert problem_of("nbkeep user list --colour")
    assert not problem_of("nbkeep user list --json | jq .")


def test_every_verb_is_in_the_reference():
    text = (ROOT / "docs/reference/cli.md").read_text()
    assert [verb for verb in leaves() if f"# `{verb}`" not in text] == []


def test_every_verb_is_explained_outside_the_reference_too():
    """A verb that nobody's task needs should not exist."""
    texts = " ".join(page.read_text() for page in PAGES if "reference" not in page.parts)
    assert [verb for verb in leaves() if not re.search(rf"{verb}\b", texts)] == []


def test_every_setting_has_its_heading():
    text = (ROOT / "docs/reference/settings.md").read_text()
    assert [one.name for one in fields(Settings) if f"## `{one.name}`" not in text] == []


def test_every_guarantee_of_doctor_is_explained():
    source = (ROOT / "src/nbkeep/backends/local/host_facts.py").read_text()
    ids = set(re.findall(r"HostFact\(\s*\"([a-z-]+)\"", source))
    assert len(ids) > 10
    text = (ROOT / "docs/reference/guarantees.md").read_text()
    assert [name for name in sorted(ids) if f"`{name}`" not in text] == []


def test_every_state_reason_role_and_scope_is_named():
    statuses = (ROOT / "docs/reference/statuses.md").read_text()
    why = (ROOT / "docs/howto/why-a-session-stopped.md").read_text()
    assert [one.value for one in (*SessionState, *StopReason) if f"`{one.value}`" not in statuses] == []
    assert [one.value for one in StopReason if f"`{one.value}`" not in why] == []
    rows = {
        row.split("|")[1].strip(" `"): row.split("|")[3:8]
        for row in (ROOT / "docs/reference/roles.md").read_text().splitlines()
        if row.startswith("| `")
    }
    assert set(rows) == set(SCOPES)
    for role, column in (("user", 0), ("admin", 1), ("reviewer", 2), ("auditor", 3), ("officer", 4)):
        held = {scope for scope, cells in rows.items() if cells[column].strip()}
        assert held == next(scopes for one, scopes in ROLE_SCOPES.items() if one.value == f"notebook.{role}")


def test_pages_made_from_the_program_are_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "docs/generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"run `uv run python docs/generate.py`\n{done.stdout}{done.stderr}"


def test_every_answer_of_the_quiz_is_a_file():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(
        r"`((?:nbkeep_runtime/|doors/|sessions/|store/|backends/|audit/|profiles/)[\w/]+\.py)`", text
    )
    assert len(named) > 20
    missing = [
        name
        for name in named
        if not (ROOT / "src" / name).exists() and not (ROOT / "src/nbkeep" / name).exists()
    ]
    assert missing == []


def test_the_documentation_builds_with_nothing_fetched(tmp_path: Path):
    pytest.importorskip("mkdocs", reason="install the docs group: `uv sync --group docs`")
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", tmp_path / "site"], cwd=ROOT,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site/index.html").read_text()
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//[^\"]*\.(?:css|js|woff2?)", page) == []
