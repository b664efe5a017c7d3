"""The same product run by an ordinary user: sessions are as closed; memory is watched where it cannot be limited."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from lab_parts import Desk, make_profile, wait_audit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from platform_parts import Platform

UID = 12345
REACH = """import os, socket
try:
    socket.create_connection(('1.1.1.1', 53), 3)
except OSError as error:
    print('network:', error.strerror)
print('user', os.getuid(), os.path.exists('/proc/1/root/root'), sorted(os.listdir('/sys/class/net')) if os.path.exists('/sys/class/net') else 'none')
"""
GREEDY = "kept = []\nwhile True:\n    kept.append(bytearray(b'x') * (32 << 20))"


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
def test_the_main_job_and_a_death_of_memory(own_platform: Platform, chromium: Browser) -> None:
    platform = own_platform
    platform.uid = UID
    os.chown(platform.data_dir, UID, UID)
    platform.up()
    make_profile(platform, "tiny", memory="600MiB")
    desk = Desk(chromium, platform.person())
    desk.sign_in()
    session = desk.start("tiny")
    desk.skip_tour()
    desk.write("main.ipynb", REACH, "import pandas as pd\nprint('sum', pd.Series([20, 22]).sum())")
    desk.open("main.ipynb", wait=False)
    desk.menu("Run", "Run All Cells")
    expect(desk.panel.locator(".jp-OutputArea-output", has_text="sum 42")).to_be_visible()
    expect(
        desk.panel.locator(".jp-OutputArea-output", has_text="network: Network is unreachable")
    ).to_be_visible()
    expect(desk.panel.locator(".jp-OutputArea-output", has_text="user 1000")).to_be_visible()
    desk.save()
    assert desk.on_disk("main.ipynb")["cells"][1]["outputs"]
    assert {path.stat().st_uid for path in desk.home.iterdir()} == {UID}

    desk.write("greedy.ipynb", GREEDY)
    desk.open("greedy.ipynb")
    desk.run_cell(0)
    banner = desk.panel.get_by_role("alert", name="The kernel ran out of memory")
    expect(banner).to_be_visible()
    expect(banner).to_contain_text("600 MiB")
    desk.shoot("ordinary-user-death")
    assert wait_audit(platform, session, "kernel.died")["data"]["reason"] == "out-of-memory"
    assert session.state == "ready"
    session.stop()
    assert platform.office.get("/audit/verify").json()["ok"] is True
    desk.close()
