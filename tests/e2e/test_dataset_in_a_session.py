"""A dataset as its users meet it: code reads the sample without a key, asks for the rest, and loses the internet."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from moto_parts import BUCKET, REGION, Aws, aws
from platform_parts import wait_for

if TYPE_CHECKING:
    from platform_parts import Person, Platform
    from trusting_parts import Trusting

pytestmark = pytest.mark.e2e
PROFILE = "notebook-people"

MAKE = """
import base64, io, pandas as pd
made = io.BytesIO()
pd.DataFrame({"n": [1, 2, 3]}).to_parquet(made)
print(base64.b64encode(made.getvalue()).decode())
"""
SAMPLE = """
import pandas as pd, subprocess
print(pd.read_parquet("http://people.data.nbkeep/2026-01/a.parquet")["n"].sum(),
      pd.read_csv("http://people.data.nbkeep/2026-01/b.csv")["m"].sum(),
      subprocess.run(["curl", "-sS", "-r", "2-3", "http://people.data.nbkeep/2026-01/b.csv"], capture_output=True).stdout)
"""
REST = """
import urllib.request, urllib.error, json
try:
    print(urllib.request.urlopen("http://people.data.nbkeep/2026-02/c.csv", timeout=30).read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""
LISTED = """
import urllib.request, json
found = json.load(urllib.request.urlopen("http://people.data.nbkeep/?format=json", timeout=30))
print([one["key"] for one in found["objects"]])
"""
LOOK = """
import glob
found = []
for name in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/run/nbkeep/*/*"):
    try:
        found.append(open(name, "rb").read())
    except OSError:
        pass
print(len(found) > 3, b"".join(found))
"""


def _published(trusting: Trusting, cloud: Aws, owner: str) -> None:
    platform, endpoint = trusting.platform, f"{trusting.address}:{cloud.port}"
    made = platform.run("profile", "create", PROFILE, "--image", "base", "--flavor", "notebook-cpu-small",
                        "--classification", "pii", "--public-internet")  # fmt: skip
    assert made.returncode == 0, made.stderr
    kept = platform.office.post(
        "/secrets", json={"name": "people-lake", "value": cloud.value, "hosts": [endpoint], "s3": REGION}
    )
    assert kept.status_code == 201, kept.text
    done = platform.run("dataset", "add", "people", "--s3", f"s3://{BUCKET}/people", "--classification", "pii",
                        "--owner", owner, "--purpose", "Who works where", "--secret", "people-lake", "--region", REGION,
                        "--endpoint", f"https://{endpoint}", "--sample", "2026-01/*")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "http://people.data.nbkeep/" in done.stdout + done.stderr


def _decided(platform: Platform, session: str) -> str:
    return platform.run("network", "explain", "example.com", "--session", session).stdout


def test_the_sample_is_read_at_once_the_rest_after_the_owner_agreed(trusting: Trusting) -> None:
    platform = trusting.platform
    with aws(trusting.authority, trusting.address, trusting.host) as cloud:
        own: Any = cloud.own("s3", trusting.authority)
        own.put_object(Bucket=BUCKET, Key="people/2026-01/b.csv", Body=b"m\n40\n2\n")
        own.put_object(Bucket=BUCKET, Key="people/2026-02/c.csv", Body=b"all of it")
        owner, person = platform.person(), platform.person()
        _published(trusting, cloud, owner.name)
        person.sign_in()
        session = person.start(PROFILE)
        session.open()
        kernel = session.kernel()

        def runs(code: str) -> str:
            return session.execute(kernel, code, 120)

        parquet = base64.b64decode(runs(MAKE))
        own.put_object(Bucket=BUCKET, Key="people/2026-01/a.parquet", Body=parquet)
        wait_for(lambda: "a.parquet" in runs(LISTED), 30, "the dataset in the session")
        assert session.view["data_class"] == ""
        assert "the session may reach the public internet" in _decided(platform, session.id)
        assert runs(SAMPLE).strip() == "6 42 b'40'"
        # Reading it is on record, and has closed the public internet for this session.
        assert session.view["data_class"] == "pii"
        assert "no rule allows example.com" in _decided(platform, session.id)
        read = platform.office.get("/audit", params={"type": "data.read", "session": session.id}).json()[
            "items"
        ]
        assert [one["session_id"] for one in read] == [session.id]
        assert "pii data" in person.get(f"/portal/sessions/{session.id}").text
        # The rest needs the owner's word, which holds at once, and is taken back at once.
        assert "403 nbkeep: only the sample of people is open" in runs(REST)
        assert runs(LISTED).strip() == "['2026-01/a.parquet', '2026-01/b.csv']"
        grant = _asked(platform, person)
        owner.sign_in()
        assert "Totals of the year" in owner.get("/portal/grants").text
        assert _post(owner, "/portal/grants", f"/portal/grants/{grant}/approve", duration="1h") == 303
        wait_for(lambda: "all of it" in runs(REST), 30, "what was granted")
        assert "'2026-02/c.csv'" in runs(LISTED)
        assert _post(owner, "/portal/grants", f"/portal/grants/{grant}/revoke", reason="Done") == 303
        wait_for(lambda: runs(REST).startswith("403"), 30, "the end of the grant")
        # No key has ever been inside.
        assert cloud.access_key_id not in runs(LOOK)
        assert "True" in runs(LOOK)
        assert "people" in person.get("/portal/data").text


def _asked(platform: Platform, person: Person) -> str:
    """Ask on the page of the catalogue; return the request's id."""
    page = person.get("/portal/data").text
    dataset = page.split('data-dataset="people"')[1].split("/portal/data/dat_")[1].split("/")[0]
    form = {"profile": PROFILE, "reason": "Totals of the year", "duration": "2h"}
    assert _post(person, "/portal/data", f"/portal/data/dat_{dataset}/request", **form) == 303
    asked = platform.office.get("/grants", params={"state": "requested"}).json()["items"]
    (found,) = (one for one in asked if one["user"] == person.name)
    assert (found["kind"], found["subject"]) == ("dataset", "people")
    return str(found["id"])


def _post(person: Person, page: str, path: str, **form: str) -> int:
    csrf = person.get(page).text.split('name="csrf" value="')[1].split('"')[0]
    url = person.platform.url
    headers = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
    return person.web.post(f"{url}{path}", data={**form, "csrf": csrf}, headers=headers).status_code
