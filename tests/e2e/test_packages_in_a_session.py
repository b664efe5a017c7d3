"""A package policy as its users meet it: pip in a session installs what is allowed, and says why not the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from egress_parts import serving
from lab_parts import make_profile
from packages_parts import Index
from platform_parts import wait_for

if TYPE_CHECKING:
    from trusting_parts import Trusting

pytestmark = pytest.mark.e2e
PROFILE = "pinned"

PIP = (
    "import subprocess, sys\n"
    "done = subprocess.run([sys.executable, '-m', 'pip', 'install', '--no-warn-script-location', '--target', '/tmp/got', "
    "{what!r}], capture_output=True, text=True)\n"
    "print(done.returncode, done.stdout, done.stderr)\n"
)


def test_pip_in_a_session_installs_what_is_allowed_and_says_why_not_the_rest(trusting: Trusting) -> None:
    platform, host, address = trusting.platform, trusting.host, trusting.address

    def verb(*arguments: str) -> str:
        done = platform.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    with serving(Index(trusting.authority.server_context(host), address, host)) as index:
        for version in ("1.0", "2.0"):
            index.publish("nbone", version)
        index.publish("evil", "1.0")
        make_profile(platform, PROFILE)
        # This machine's own address is opened by a rule only; the name by the policy.
        verb("profile", "set", PROFILE, "--egress-allowlist", f"{address}:{index.port}")
        said = verb("packages", "policy", "set", PROFILE, "--pin", "nbone<2", "--deny", "evil",
                    "--index", f"https://{host}:{index.port}/simple")  # fmt: skip
        assert "all but evil; nbone<2" in said
        person = platform.person()
        person.sign_in()
        session = person.start(PROFILE)
        session.open()
        kernel = session.kernel()

        def pip(what: str) -> str:
            return session.execute(kernel, PIP.format(what=what), 120)

        done = wait_for(lambda: _if("Successfully installed nbone-1.0", pip("nbone")), 90, "the package")
        assert done.startswith("0 ")
        refused = pip("evil")
        assert refused.startswith("1 ")
        assert "evil-is-on-the-deny-list-package-policy-of-profile-pinned" in refused
        direct = pip(f"https://{host}:{index.port}/files/nbone-2.0-py3-none-any.whl")
        assert "only nbone<2 is allowed" in direct

        def listed() -> list[dict[str, Any]]:
            answer = platform.office.get("/packages/installs", params={"session": session.id})
            return answer.json()["items"]

        def outcomes() -> set[tuple[str, str, str]]:
            return {(one["name"], one["version"], one["outcome"]) for one in listed()}

        wanted = {("nbone", "1.0", "installed"), ("evil", "", "refused"), ("nbone", "2.0", "refused")}
        wait_for(lambda: wanted <= outcomes(), 30, "the records of the gateway")
        assert "nbone==1.0" in verb("packages", "unreviewed")
        verb("packages", "approve", "nbone==1.0")
        assert "nbone==1.0" not in verb("packages", "unreviewed")
        assert "nbone==1.0" in verb("packages", "session", session.id)
        found = verb("audit", "search", "--type", "package.installed", "--session", session.id)
        assert found.count("nbone") >= 1
        # A change of the policy reaches the running session.
        verb("packages", "policy", "set", PROFILE, "--only-approved", "--pin", "none")
        wait_for(lambda: "nbone-2.0-is-not-approved" in pip("nbone>=2").replace(" ", "-"), 60, "the change")
        verb("packages", "approve", "nbone==2.0")
        wait_for(lambda: _if("Successfully installed nbone-2.0", pip("nbone>=2")), 60, "the approval")
        session.stop()


def _if(text: str, found: str) -> str:
    return found if text in found else ""
