"""Rules of names, addresses, passwords and tokens."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.model.actor import ROLE_SCOPES, SCOPES, Role
from nbkeep.model.errors import Refused
from nbkeep.people import rules


@given(st.text(max_size=80), st.integers(1, 99999))
def test_every_address_gives_a_name_that_is_allowed(local: str, number: int) -> None:
    for name in (
        rules.name_from_email(f"{local}@acme.com"),
        rules.numbered(rules.name_from_email(local), number),
    ):
        assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
        assert len(name) <= 30
        assert not name.endswith("-")


@pytest.mark.parametrize("email", ["jane@acme.com", " Jane+x@ACME.com ", "é.dupont@sub.acme.fr"])
def test_addresses(email: str) -> None:
    assert rules.check_email(email) == email.strip().lower()


@pytest.mark.parametrize("email", ["", "jane", "@acme.com", "jane@", "a b@acme.com", "a@b@c", "a@acme..com",
                                   "a\n@acme.com", "<x>@acme.com", "x" * 65 + "@acme.com", "a@acme.com."])  # fmt: skip
def test_no_addresses(email: str) -> None:
    with pytest.raises(Refused) as refusal:
        rules.check_email(email)
    assert refusal.value.code == "invalid-email"


@pytest.mark.parametrize("password", [
    "", "short", "elevenchars", "aaaaaaaaaaaaaa", "abababababab", "passwordpassword", "Password12345!", "P@ssw0rd!2026",
    "123456789012", "qwertyuiopas", "adminpassword1", "letmeinplease", "1q2w3e4r5t6y", "jupyterhub2026",
    "jane.doe.2026", "janejanejane", "acme-jane-doe", "x" * 1025,
])  # fmt: skip
def test_bad_passwords(password: str) -> None:
    with pytest.raises(Refused) as refusal:
        rules.check_password(password, "jane-doe", "jane.doe@acme.com")
    assert refusal.value.code == "invalid-password"
    assert not password or password not in str(refusal.value)


@pytest.mark.parametrize("password", [
    "marmot lends seven kites", "Xk7#pq0LmZ2w", "jane likes 40 quiet marmots", "домик над рекой и лес", "pass the salt to marmots"])  # fmt: skip
def test_good_passwords(password: str) -> None:
    rules.check_password(password, "jane-doe", "jane.doe@acme.com")


@given(st.lists(st.sampled_from(sorted(SCOPES)), min_size=1), st.sampled_from(list(Role)))
def test_a_token_never_has_a_scope_that_its_owner_lacks(scopes: list[str], role: Role) -> None:
    assert rules.token_scopes(scopes, role) <= ROLE_SCOPES[role]
    assert rules.token_scopes(scopes, role) <= set(scopes)


@pytest.mark.parametrize(
    ("name", "scopes", "valid_s", "code"),
    [
        ("", ["sessions"], 60, "invalid-name"),
        ("x" * 101, ["sessions"], 60, "invalid-name"),
        ("x", [], 60, "invalid-scopes"),
        ("x", ["root"], 60, "invalid-scopes"),
        ("x", ["admin:users"], 60, "scope-not-held"),
        ("x", ["sessions"], 0, "invalid-valid"),
        ("x", ["sessions"], 367 * 86400, "invalid-valid"),
    ],
)
def test_bad_tokens(name: str, scopes: list[str], valid_s: int, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        rules.check_token(name, scopes, valid_s, ROLE_SCOPES[Role.USER])
    assert refusal.value.code == code
