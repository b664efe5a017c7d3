"""Code in a kernel of a session as people have it looks for tokens, doors and people outside its sandbox."""

from __future__ import annotations

import json
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from platform_parts import wait_for

if TYPE_CHECKING:
    from platform_parts import Platform, Session

pytestmark = [pytest.mark.attack, pytest.mark.e2e]


@pytest.fixture(scope="module")
def session(platform: Platform) -> Session:
    person = platform.person()
    person.sign_in()
    made = person.start()
    made.open()
    return made


@pytest.fixture(scope="module")
def kernel(session: Session) -> str:
    return session.kernel()


def run(session: Session, kernel: str, code: str) -> str:
    return session.execute(kernel, textwrap.dedent(code)).strip()


def records(session: Session, kind: str) -> list[dict[str, Any]]:
    asked = {"session": session.id, "type": kind, "limit": 500}
    return session.platform.office.get("/audit", params=asked).raise_for_status().json()["items"]


def settled(session: Session, kind: str) -> int:
    """Return how many there are once the records of what ran before have arrived, which takes a moment."""
    seen = -1
    while (now := len(records(session, kind))) != seen:
        seen = now
        time.sleep(3)
    return seen


def test_no_token_lies_in_its_environment_files_or_memory(
    platform: Platform, session: Session, kernel: str
) -> None:
    tokens = [file.read_text().strip() for file in (platform.data_dir / "secrets").iterdir()]
    # Sent in two halves: what the kernel itself was told must not be what it finds.
    code = f"""
        import glob, os
        heads = {[(token[:20], token[20:]) for token in tokens]!r}
        wanted = [b"".join(part.encode() for part in pair) for pair in heads] + [b"nbks" + b"_", b"JUPYTERHUB_" + b"API"]
        found = []
        for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/run/**", recursive=True):
            try: text = open(path, "rb").read() if not os.path.isdir(path) and not path.endswith(".sock") else b""
            except OSError: continue
            found += [path for word in wanted if word in text]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) == os.getpid(): continue
            try:
                maps = open(f"/proc/{{pid}}/maps").read().splitlines()
                memory = open(f"/proc/{{pid}}/mem", "rb", 0)
            except OSError: continue
            for line in maps:
                low, high = (int(one, 16) for one in line.split()[0].split("-"))
                if "r" not in line.split()[1] or high - low > 1 << 26: continue
                try: memory.seek(low); text = memory.read(high - low)
                except (OSError, OverflowError, ValueError): continue
                found += [f"memory of {{pid}}" for word in wanted if word in text]
        print(found)
    """
    assert run(session, kernel, code) == "[]"


def test_no_socket_of_the_platform_is_there(platform: Platform, session: Session, kernel: str) -> None:
    code = f"""
        import glob, os, socket
        data, port = {str(platform.data_dir)!r}, {platform.port}
        reached = []
        names = ["hub/hub.sock", "office/office.sock", "warden/warden.sock", "proxy/api.sock", "server/server.sock"]
        for name in names:
            for path in (f"{{data}}/run/{{name}}", f"/run/nbkeep/{{name}}", f"/proc/1/root{{data}}/run/{{name}}"):
                try: socket.socket(socket.AF_UNIX).connect(path); reached.append(path)
                except OSError: pass
        for host in ("127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "1.1.1.1", "::1"):
            for where in (port, 80, 443, 22):
                try: socket.create_connection((host, where), 0.3); reached.append((host, where))
                except OSError: pass
        try: reached.append(socket.getaddrinfo("example.com", 80))
        except OSError: pass
        sockets = [line.split()[-1] for line in open("/proc/net/unix") if "/" in line]
        reached += [path for path in sockets if not path.lstrip("@").startswith(("/run/nbkeep/kernels/", "/tmp/"))]
        print(reached, os.path.exists(data + "/secrets"), sorted(os.listdir("/home")))
    """
    assert run(session, kernel, code) == "[] False ['user']"


def test_what_it_publishes_in_another_s_name_makes_no_record(session: Session, kernel: str) -> None:
    """It can lie about how an execution ended; neither can it add one nor take one away."""
    before = settled(session, "execution.started")
    code = """
        import os, signal, uuid
        shell = get_ipython().kernel
        own = shell.get_parent()
        for number in range(150):  # fewer than what its own socket would drop
            fake = dict(own, header=dict(own["header"], msg_id=uuid.uuid4().hex))
            for kind, content in (("execute_input", {"code": "rm", "execution_count": number}),
                                  ("execute_reply", {"status": "ok"}), ("status", {"execution_state": "idle"}),
                                  ("execute_request", {"code": "forged"}), (str(number), {})):
                shell.session.send(shell.iopub_socket, kind, content, parent=fake)
        shell.iopub_socket.send(b"junk")
        shell.iopub_socket.send_multipart([b"<IDS|MSG>", b"", b"{", b"}", b"", b"\\xff"])
        print("told")
    """
    assert run(session, kernel, code) == "told"
    assert run(session, kernel, "print('still here')") == "still here"
    wait_for(lambda: len(records(session, "execution.started")) >= before + 2, 15, "two records")
    time.sleep(1)
    assert len(records(session, "execution.started")) == before + 2
    assert session.call("GET", "api/status").status_code == 200


def test_it_ends_nothing_but_itself(session: Session) -> None:
    kernel = session.kernel()
    code = """
        import os, signal
        refused = 0
        for pid in (1, os.getppid(), -1):
            if pid == -1: continue
            for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP):
                try: os.kill(pid, number)
                except OSError: refused += 1
        print(sorted(int(pid) for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid()))[:0])
    """
    assert run(session, kernel, code) == "[]"
    time.sleep(1)
    assert session.state == "ready"
    assert run(session, kernel, "print('on')") == "on"


def test_links_of_the_home_lead_to_nothing_of_the_trusted_half(session: Session, kernel: str) -> None:
    places = ["/run/nbkeep/state/notebook-key", "/run/nbkeep/server/events.jsonl", "/run/nbkeep/office/office.sock",
              "/etc/passwd", "/proc/self/environ", "/dev/zero", "/", "/run/nbkeep/state", "/work"]  # fmt: skip
    code = f"""
        import os
        for number, place in enumerate({places!r}):
            os.symlink(place, f"/home/user/link{{number}}")
            os.symlink(place, f"/home/user/link{{number}}.ipynb")
        os.mkfifo("/home/user/pipe.ipynb"); os.mkfifo("/home/user/pipe.txt")
        import socket; socket.socket(socket.AF_UNIX).bind("/home/user/socket.txt")
        print("laid")
    """
    assert run(session, kernel, code) == "laid"
    for number, _ in enumerate(places):
        for name in (f"link{number}", f"link{number}.ipynb"):
            for path in (f"api/contents/{name}", f"files/{name}", f"api/contents/{name}/checkpoints"):
                began = time.monotonic()
                answer = session.call("GET", path)
                assert answer.status_code in {403, 404} or answer.json() == [], (path, answer.text[:200])
                assert time.monotonic() - began < 5
    for name in ("pipe.ipynb", "pipe.txt", "socket.txt"):
        assert session.call("GET", f"api/contents/{name}").status_code in {403, 404}
        assert session.call("GET", f"files/{name}").status_code in {403, 404}
    listed = {one["name"] for one in session.call("GET", "api/contents/").json()["content"]}
    assert not {name for name in listed if name.startswith(("link", "pipe", "socket"))}
    written = session.call("PUT", "api/contents/link0", {"type": "file", "format": "text", "content": "x"})
    assert written.status_code in {403, 404}


def test_a_link_in_place_of_a_kernel_s_sockets_reaches_nobody(session: Session) -> None:
    """Beside them, in the trusted half, lies the office's socket; a kernel may replace its own at any moment."""
    kernel = session.kernel()
    code = """
        import glob, json, os
        folder = os.path.dirname(get_ipython().config["IPKernelApp"]["connection_file"])
        for number in range(1, 6):
            os.rename(f"{folder}/s-{number}", f"{folder}/old-{number}")
            os.symlink("/run/nbkeep/office/office.sock", f"{folder}/s-{number}")
        print(json.dumps(sorted(os.listdir(folder))))
    """
    assert len(json.loads(run(session, kernel, code))) == 11
    refused = session.call("POST", f"api/kernels/{kernel}/restart")
    assert refused.status_code in {200, 500, 503}
    assert session.call("GET", "api/kernels").status_code == 200
    assert session.state == "ready"
    other = session.kernel()
    assert run(session, other, "print('well')") == "well"
