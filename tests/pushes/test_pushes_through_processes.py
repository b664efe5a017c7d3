"""A push goes through the gateway's own process into a real office, is held there, approved, and passes."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from egress_parts import Web, read_all, serving, wait_for
from guard_parts import say
from nbkeep.backends.local.layout import Layout
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.profiles.known import known_to
from nbkeep.profiles.profiles import change_profile
from nbkeep.pushes.decide import approve_push
from nbkeep.pushes.pktline import line
from nbkeep.store.push_tables import PushRow
from push_parts import Repository, needs_git
from scan_parts import KEY
from upload_parts import plain

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from office_parts import OfficeForTests

pytestmark = needs_git
ADDRESS = "127.0.0.2"  # 127.0.0.1 is this machine to the gateway


@contextmanager
def listening(office: OfficeForTests) -> Generator[None]:
    """Have the office answer on its socket, as its process does."""
    path = office.settings.office_socket
    path.parent.mkdir(parents=True, exist_ok=True)
    config = uvicorn.Config(
        office.app(), uds=str(path), log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(path.exists, "the office's socket")
    yield
    server.should_exit = True
    thread.join(20)


@contextmanager
def gateway(office: OfficeForTests, session_id: str) -> Generator[Path]:
    """Run the gateway's process; give the socket of a session."""
    data_dir = office.settings.data_dir
    folder = Layout(data_dir).session(session_id).gateway
    folder.mkdir(parents=True)
    log = data_dir / "gateway.out"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "nbkeep.doors.gateway", "--data-dir", str(data_dir)],
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NBKEEP_FORGES": ADDRESS},
            stdout=file, stderr=file,
        )  # fmt: skip
    try:
        wait_for((folder / "gateway.sock").exists, f"its socket: {log}", 60)
        yield folder / "gateway.sock"
    finally:
        process.terminate()
        process.wait(30)


def test_a_push_is_held_by_the_office_and_passes_once_it_is_approved(
    office: OfficeForTests, tmp_path: Path
) -> None:
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    session_id = office.ready(jane)
    say(office, "everywhere", "push", secret="review")
    here = Repository(tmp_path / "here")
    here.commit(text=f'key = "{KEY}"\n')
    tip = here.git("rev-parse", "HEAD").strip()
    body = line(f"{'0' * 40} {tip} refs/heads/main\0report-status side-band-64k".encode()) + b"0000"
    body += here.pack()
    with serving(Web(host=ADDRESS)) as forge:
        place = f"{ADDRESS}:{forge.port}"
        with office.store.write() as tx:
            change = {"egress_allowlist": place}
            known = known_to(office.settings)
            change_profile(tx, office.clock, OPERATOR, "notebook-cpu-small", change, known)

        def push(to: Path) -> str:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(120)
                sock.connect(str(to))
                more = "Content-Type: application/x-git-receive-pack-request\r\nConnection: close\r\n"
                sock.sendall(plain(place, body, path="/risk.git/git-receive-pack", more=more))
                return read_all(sock).decode(errors="replace")

        with listening(office), gateway(office, session_id) as door:
            said = push(door)
            assert "this push was not sent yet. Pushing commits needs a review: 1 secret" in said
            assert KEY not in said
            assert forge.seen == []
            push_id = re.findall(r"psh_[0-9a-z]{20}", said)[0]
            with office.store.write() as tx:
                mark = tx.get_one(PushRow, push_id).fingerprint
                approve_push(tx, office.clock, office.settings, rita, push_id, fingerprint=mark)
            assert f"got {len(body)}" in push(door)
            assert len(forge.seen) == 1

            def state() -> str:
                with office.store.read() as tx:
                    return tx.get_one(PushRow, push_id).state

            wait_for(lambda: state() == "pushed", "the gateway's report: this forge says nothing of refs")
