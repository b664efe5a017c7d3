"""Of whom a commit names as its makers, only secrets count; of all else that is written in it, everything."""

from __future__ import annotations

import pytest

from nbkeep.pushes.people import told_by
from nbkeep.pushes.walk import Commit

HEAD = (
    b"tree " + b"a" * 40 + b"\nparent " + b"b" * 40 + b"\n"
    b"author Jane Doe <jane.doe@acme.com> 1790000000 +0000\ncommitter GitHub <noreply@github.com> 1790000000 -0330"
)  # fmt: skip


def said(message: bytes = b"Work\n", more: bytes = b"") -> tuple[str, str, str]:
    told = told_by(Commit("c" * 40, "commit", "", [], HEAD + more, message))
    return told.names.decode(), told.rest.decode(), told.other_lines.decode()


@pytest.mark.parametrize(
    "line",
    [
        b"Signed-off-by: Jane Doe <jane.doe@acme.com>", b"co-authored-by: Bob Bell <bob.bell@acme-corp.com>  ",
        b"Reviewed-by: dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
    ],
)  # fmt: skip
def test_who_made_a_commit_is_no_finding(line: bytes) -> None:
    names, rest, other = said(b"Work\n\n" + line + b"\n")
    assert line.decode() in names
    assert "jane.doe@acme.com" in names
    assert (rest.strip(), other) == ("Work", "")


@pytest.mark.parametrize(
    "line",
    [
        b"Customer-by: Jane Doe <jane.doe@customer.com>",
        b"Signed-off-by: Jane Doe 4111 1111 1111 1111 <jane.doe@acme.com>",
        b"Signed-off-by: Jane Doe <4111111111111111@acme.com>",
        b"Signed-off-by: Jane Doe <jane.doe@acme.com> 4111111111111111",
        b"Signed-off-by: Jane Doe, born: 1 Mar <jane.doe@acme.com>",
        b"Signed-off-by: " + b"x" * 61 + b" <jane.doe@acme.com>",
        b"Signed-off-by: Jane Doe <jane.doe@acme.com,anna@customer.com>",
        b"Signed-off-by: Jane Doe <" + b"x" * 81 + b">",
        b"\n".join(b"Signed-off-by: Anna <anna.%d@customer.com>" % one for one in range(21)),
    ],
)
def test_other_lines_of_a_message_are_read_for_everything(line: bytes) -> None:
    names, rest, _ = said(b"Work\n\n" + line + b"\n")
    assert line.decode() in rest
    assert line.decode() not in names


@pytest.mark.parametrize(
    "line",
    [
        b"customer Jane Doe <jane.doe@customer.com> 1790000000 +0000",
        b"author Anna Bell <anna.bell@customer.com> 1790000000 +0000",
        b"encoding 4111 1111 1111 1111",
        b"tree 4111 1111 1111 1111",
        b" of more words",
    ],
)
def test_other_lines_of_a_head_are_read_for_everything_and_shown(line: bytes) -> None:
    names, rest, other = said(more=b"\n" + line)
    assert line.decode() in rest
    assert line.decode() == other
    assert line.decode() not in names


def test_a_maker_with_more_than_a_name_and_an_address_is_read_for_everything() -> None:
    head = b"author Jane 4111 1111 1111 1111 <jane.doe@acme.com> 1790000000 +0000"
    told = told_by(Commit("c" * 40, "commit", "", [], head, b"Work\n"))
    assert head in told.rest
    assert told.names == b""
