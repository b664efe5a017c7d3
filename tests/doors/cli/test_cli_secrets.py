"""`nbkeep secret`: as owners use it, and never with a value among the arguments."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from nbkeep.doors.cli.app import build_app

if TYPE_CHECKING:
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests

VALUE = "sk-live-51-Xq7-not-printed"
SET = ("secret", "set", "openai", "--host", "api.openai.example", "--header", "Authorization: Bearer {}")


def _pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_secret_from_its_setting_to_its_end(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = served.user()
    _pipe(monkeypatch, VALUE + "\n")
    made = nbkeep(*SET, "--env", "OPENAI_API_KEY", "--grant", "user:jane")
    assert made.code == 0, made.err
    assert "sent to api.openai.example:443 as header Authorization: Bearer {}" in made.err
    session = served.ready(jane)
    said = [made]
    said.append(nbkeep("secret", "list"))
    assert "user:jane" in said[-1].out
    said.append(nbkeep("secret", "leases", "openai"))
    assert session in said[-1].out
    said.append(nbkeep("secret", "show", "openai"))
    assert "OPENAI_API_KEY=nbkeep-placeholder-openai" in said[-1].out
    _pipe(monkeypatch, "another-value")
    said.append(nbkeep("secret", "rotate", "openai"))
    assert "value number 2" in said[-1].err
    said.append(nbkeep("secret", "grant", "openai", "everyone"))
    said.append(nbkeep("secret", "ungrant", "openai", "everyone"))
    assert said[-1].err == "openai is granted to user:jane.\n"
    said.append(nbkeep("secret", "rotate-key"))
    assert "1 secrets are under the key" in said[-1].err
    said.append(nbkeep("secret", "revoke", "openai", "--yes", "--reason", "leaked"))
    assert [one.code for one in said] == [0] * len(said)
    assert "No secrets" in nbkeep("secret", "list").err
    assert VALUE not in "".join(one.out + one.err for one in said)


def test_without_a_value_nothing_is_kept(nbkeep: Nbkeep, monkeypatch: pytest.MonkeyPatch) -> None:
    _pipe(monkeypatch, "")
    assert "There is no value on standard input" in nbkeep(*SET).err
    _pipe(monkeypatch, "short")
    assert "A value has 8 to" in nbkeep(*SET).err
    assert nbkeep("secret", "list", "--json").json == []


def test_no_option_or_argument_takes_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("set", "rotate"):
        with pytest.raises(SystemExit):
            build_app()(["secret", verb, "--help"], prog_name="nbkeep")
        help_text = capsys.readouterr().out.lower()
        assert "--value" not in help_text
        assert "--secret" not in help_text


def test_keys_of_aws_are_kept_for_signatures(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.user()
    lake = ("secret", "set", "lake", "--host", "s3.eu-central-1.amazonaws.com,*.s3.eu-central-1.amazonaws.com",
            "--aws-sigv4", "--region", "eu-central-1", "--service", "s3", "--grant", "user:jane")  # fmt: skip
    _pipe(monkeypatch, "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG\n")
    made = nbkeep(*lake)
    assert "*.s3.eu-central-1.amazonaws.com:443 as AWS signature, eu-central-1 s3" in made.err
    _pipe(monkeypatch, "not a key")
    assert "The value is no key of AWS" in nbkeep("secret", "rotate", "lake").err
    _pipe(monkeypatch, json.dumps({"Credentials": {"AccessKeyId": "AKIDEXAMPLE2", "SecretAccessKey": "x" * 40,
                                                   "SessionToken": "t" * 200, "Expiration": "2026"}}, indent=1))  # fmt: skip
    assert "value number 2" in nbkeep("secret", "rotate", "lake").err
    assert nbkeep(*lake[:-4], "--grant", "user:jane").code == 2
    assert nbkeep(*lake, "--basic", "jane").code == 2


def test_a_value_may_lie_elsewhere_and_is_not_asked_for_then(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pipe(monkeypatch, VALUE)
    refused = nbkeep(*SET, "--from", "vault:secret/data/nbkeep/openai#key")
    assert "No Vault or OpenBao is connected" in refused.err
    assert "is no place of a value" in nbkeep(*SET, "--from", "secret/openai").err
    assert sys.stdin.read() == VALUE
    assert nbkeep("secret", "list", "--json").json == []
