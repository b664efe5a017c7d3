"""Nothing of a neighbour can be seen, signalled or reached."""

import json

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_only_ones_own_processes_and_home_are_visible(target: Target) -> None:
    target.refused("""
        import contextlib, os
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        names = set()
        for pid in pids:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                names.add(open(f"/proc/{pid}/comm").read().strip())
        assert names
        print(pids, names, os.listdir("/home"))
        ours = {"python", "python3", "python3.11", "nbkeep-relay"}
        raise SystemExit(names - ours != set() or os.listdir("/home") != ["user"])
    """)


def test_a_neighbours_process_id_means_nothing_here(target: Target) -> None:
    neighbour = target.machine.folder(target.neighbour) / "sandbox.json"
    pid = json.loads(neighbour.read_text())["inner"]["pid"]
    target.refused(f"""
        import os
        try: os.kill({pid}, 0)
        except ProcessLookupError: raise SystemExit(0)
        raise SystemExit("there")
    """)


def test_files_of_two_users_have_different_owners_on_the_host(target: Target) -> None:
    if not target.machine.is_root:
        pytest.skip("only root gives people ids of their own")
    homes = [target.machine.data_dir / "homes" / name for name in ("jane", "john")]
    assert homes[0].stat().st_uid != homes[1].stat().st_uid
    assert all(home.stat().st_uid > 1_000_000_000 and home.stat().st_mode & 0o077 == 0 for home in homes)
