"""The folder of kernels' sockets lies on the host: it must neither fill the host's disk nor outlive the session."""

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_the_folder_is_full_long_before_the_host_s_disk(target: Target) -> None:
    if not target.machine.is_root:
        pytest.skip(
            "only root can give the folder a file system of its own; `nbkeep doctor` says what is weaker"
        )
    target.refused("""
        import errno, os
        folder = "/run/nbkeep/kernels"
        written = 0
        try:
            with open(folder + "/fill", "wb") as file:
                while written < 1 << 30:
                    written += file.write(bytes(1 << 20)); file.flush()
        except OSError as error:
            print(error, written)
            assert error.errno == errno.ENOSPC and written <= 64 << 20
        else: raise SystemExit("no end of bytes")
        finally: os.unlink(folder + "/fill")
        os.mkdir(folder + "/many")
        try:
            for number in range(100_000): open(f"{folder}/many/{number}", "w").close()
        except OSError as error: assert error.errno == errno.ENOSPC
        else: raise SystemExit("no end of files")
        for name in os.listdir(folder + "/many"): os.unlink(f"{folder}/many/{name}")
        os.rmdir(folder + "/many")
    """)


DEEP = """
    import os
    for folder in ("/run/nbkeep/kernels", "/home/user"):
        os.chdir(folder)
        for _ in range(2500):
            os.mkdir("d"); os.chdir("d")
"""


def test_folders_in_folders_without_end_neither_keep_a_session_nor_a_home(target: Target) -> None:
    """Also the walk that measures a home for its user gets through."""
    machine = target.machine
    spec = machine.spec(user="mole", uid_index=3)
    machine.client.launch(spec)
    assert machine.run(spec, DEEP).code == 0
    usage = machine.client.volume_usage("mole")
    assert next(folder for folder in usage.folders if folder.path == "").files >= 0
    machine.client.stop(spec.session_id, 0)
    assert not machine.folder(spec).exists()
    machine.client.delete_volume("mole")
    assert machine.client.volume("mole") is None


def test_links_in_it_are_removed_and_not_followed(target: Target) -> None:
    machine = target.machine
    kept = machine.data_dir / "kept"
    kept.mkdir(mode=0o777)
    (kept / "file").touch()
    spec = machine.spec(user="weaver", uid_index=4)
    machine.client.launch(spec)
    code = f"""
        import os
        for number, target in enumerate(("{kept}", "/", "../../..", "{machine.data_dir}/secrets")):
            os.symlink(target, f"/run/nbkeep/kernels/{{number}}")
    """
    assert machine.run(spec, code).code == 0
    machine.client.stop(spec.session_id, 0)
    assert not machine.folder(spec).exists()
    assert (kept / "file").exists()
    assert (machine.data_dir / "secrets/warden-token").exists()
    machine.client.delete_volume("weaver")


def test_odd_names_in_a_home_do_not_break_what_its_admin_reads(target: Target) -> None:
    machine = target.machine
    spec = machine.spec(user="painter", uid_index=5)
    machine.client.launch(spec)
    code = r"""
        import os
        for name in (b"\xff\xfe", b"\x1b]0;owned\x07\x1b[2J", b"line\nbreak", b"<script>alert(1)</script>"):
            os.makedirs(os.path.join(b"/home/user", name, b"node_modules"))
            open(os.path.join(b"/home/user", name, b"node_modules", b"big"), "wb").write(bytes(2 << 20))
    """
    assert machine.run(spec, code).code == 0
    usage = machine.client.volume_usage("painter")
    paths = [folder.path for folder in usage.folders] + [one.path for one in usage.suggestions]
    assert len(usage.suggestions) == 4
    assert "".join(paths).encode().decode().isprintable(), paths
    machine.client.stop(spec.session_id, 0)
    machine.client.delete_volume("painter")
