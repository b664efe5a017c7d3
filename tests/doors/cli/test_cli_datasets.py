"""`nbkeep dataset`: as stewards and users use it."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests

KEEP = ("secret", "set", "lake", "--host", "s3.acme.local:9000", "--s3", "eu-central-1")
ADD = ("dataset", "add", "sales", "--s3", "s3://lake/sales", "--classification", "confidential", "--owner", "jane",
       "--purpose", "quarterly report", "--endpoint", "https://s3.acme.local:9000", "--region", "eu-central-1")  # fmt: skip


def test_a_dataset_from_its_publication_to_its_end(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.user()
    monkeypatch.setattr(sys, "stdin", io.StringIO("AKIA7777777777777777:wJalrXUtnFEMIK7MDENGbPxRfiCY\n"))
    kept = nbkeep(*KEEP)
    assert "AWS signature of datasets, eu-central-1" in kept.err
    assert "nbkeep dataset add NAME" in kept.err
    added = nbkeep(*ADD, "--secret", "lake", "--sample", "2026-01/*.parquet", "--sample", "readme.md")
    assert added.code == 0, added.err
    assert "sales is http://sales.data.nbkeep/ in sessions." in added.err
    shown = nbkeep("dataset", "show", "sales").out
    for words in (
        "confidential",
        "jane",
        "quarterly report",
        "2026-01/*.parquet, readme.md",
        "s3://lake/sales/",
        "lake",
    ):
        assert words in shown
    assert "wJalr" not in shown + kept.err + added.err
    assert "quarterly report" in nbkeep("dataset", "list").out
    asked = nbkeep("dataset", "request", "sales", "--profile", "notebook-cpu-small", "--reason", "totals")
    assert (asked.code, "Access is granted to people" in asked.err) == (1, True)  # the operator is none
    assert nbkeep("dataset", "remove", "sales", "--yes", "--reason", "moved").code == 0
    assert json.loads(nbkeep("dataset", "list", "--json").out) == []


def test_what_is_wrong_with_a_dataset_is_said_in_words(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    served.user()
    without_a_sample = nbkeep(*ADD)
    assert "nothing of it is read without a grant" in without_a_sample.err
    for arguments, words in (
        (ADD, "There is a dataset named 'sales'."),
        ((*ADD[:2], "other", *ADD[3:], "--secret", "none"), "There is no secret 'none'"),
        ((*ADD[:2], "other", *ADD[3:], "--sample", "../*"), "it has . or .. as a part"),
        ((*ADD[:2], "other", *ADD[3:], "--classification", "secret"), "It is one of public, internal"),
        (("dataset", "show", "nothing"), "There is no dataset 'nothing'."),
        (("dataset", "request", "sales", "--reason", "x"), "Give either --session ID or --profile NAME."),
    ):
        done = nbkeep(*arguments)
        assert done.code == 1, done.err
        assert words in done.err.replace("\n", " "), done.err
