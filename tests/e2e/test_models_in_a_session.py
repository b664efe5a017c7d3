"""Models as people meet them: a call with a placeholder key shows up in the usage, and a spent budget ends it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from egress_parts import serving
from model_parts import WORDS, ModelApi
from platform_parts import wait_for

if TYPE_CHECKING:
    from trusting_parts import Trusting

pytestmark = pytest.mark.e2e
VALUE = "sk-live-51-Xq7-never-inside"

CALL = """
import json, os, urllib.request, urllib.error
def call(**more):
    ask = urllib.request.Request(
        "https://{host}:{port}/v1/chat/completions",
        json.dumps(dict(model="gpt-x", messages=[dict(role="user", content="Tell me")], **more)).encode(),
        {{"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"}})
    try:
        with urllib.request.urlopen(ask, timeout=30) as answer:
            return str(answer.headers.get("X-Nbkeep-Budget")) + " " + answer.read().decode()
    except urllib.error.HTTPError as error:
        return f"{{error.code}} {{error.read().decode()}}"
print(call(), call(stream=True, stream_options=dict(include_usage=True)))
"""


def test_a_call_with_a_placeholder_key_is_metered_and_ended_by_its_budget(trusting: Trusting) -> None:
    platform, host, address = trusting.platform, trusting.host, trusting.address
    with serving(ModelApi(trusting.authority, host, address=address)) as api:
        place = f"{host}:{api.port}"
        for command in (
            f"profile set notebook-cpu-small --egress-allowlist {place},{address}:{api.port}",
            f"model provider add openai --host {place} --kind openai",
            "model price set openai gpt-x --input 2.50 --output 10 --cached 0.25",
            "model budget set --everyone --month 50",
        ):
            done = platform.run(*command.split())
            assert done.returncode == 0, done.stderr
        person = platform.person()
        made = platform.office.post(
            "/secrets",
            json={"name": "openai", "value": VALUE, "hosts": [place], "header": "Authorization: Bearer {}",
                  "env": "OPENAI_API_KEY", "grants": [f"user:{person.name}"]},
        )  # fmt: skip
        assert made.status_code == 201, made.text
        person.sign_in()
        session = person.start("notebook-cpu-small")
        session.open()
        kernel = session.kernel()

        def runs() -> str:
            return session.execute(kernel, CALL.format(host=host, port=api.port), 90)

        wait_for(lambda: WORDS[0] in runs(), 60, "an answer of the model")
        assert {headers["Authorization"] for _, headers, _ in api.seen} == {f"Bearer {VALUE}"}

        def used() -> dict[str, int]:
            found = platform.office.get("/model-usage", params={"session": session.id}).json()
            return found["total"]

        count = len(api.seen)
        wait_for(lambda: used()["calls"] == count, 30, "usage")
        total = used()
        assert (total["tokens_in"], total["tokens_out"], total["unpriced"]) == (19 * count, 10 * count, 0)
        said = platform.run("model", "usage", "--user", person.name).stdout
        assert "gpt-x" in said
        assert person.name in said
        page = person.get("/portal/models").text
        assert 'data-model="gpt-x"' in page

        def says(percent: int, sign: str) -> bool:
            """Set a budget of which so many per cent are used; tell whether a running session hears of it."""
            wait_for(lambda: used()["calls"] >= len(api.seen), 30, "usage")
            amount = f"{used()['cost_microcents'] * 100 // percent / 10**8:.8f}"
            done = platform.run("model", "budget", "set", "--user", person.name, "--month", amount)
            assert done.returncode == 0, done.stderr
            time.sleep(1.5)  # a call before it is heard of would use more of it
            return sign in runs()

        for percent, sign in ((90, "90%"), (200, "nbkeep_budget")):
            wait_for(lambda percent=percent, sign=sign: says(percent, sign), 90, sign)
        sent = len(api.seen)
        assert runs().count("429 ") == 2
        assert len(api.seen) == sent
        assert "Calls of models are refused" in person.get("/portal/models").text

        def told() -> bool:
            found = platform.run("audit", "search", "--type", "model.budget-spent", "--json").stdout
            return person.name in found

        wait_for(told, 30, "the event")
