"""A link in the home leads only to what the sandbox sees, also for whoever reads it from outside."""

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_links_to_the_hosts_files_lead_nowhere(target: Target) -> None:
    secret = target.machine.data_dir / "secrets/warden-token"
    target.refused(f"""
        import os
        for name, goal in (("a", "{secret}"), ("b", "/proc/1/root{secret}"), ("c", "/../../../..{secret}")):
            if not os.path.lexists(name): os.symlink(goal, name)
            try: open(name).read()
            except OSError: continue
            raise SystemExit(name)
    """)


def test_measuring_the_home_does_not_follow_links(target: Target) -> None:
    target.refused("""
        import os
        if not os.path.lexists("loop"): os.symlink("/", "loop")
        os.makedirs("plain", exist_ok=True); open("plain/file", "wb").write(os.urandom(3 << 20))
    """)
    usage = target.machine.client.volume_usage("jane")
    assert usage.folders[0].path == ""
    assert 3 << 20 <= usage.folders[0].bytes < 200 << 20
    assert "loop" not in {folder.path for folder in usage.folders}
