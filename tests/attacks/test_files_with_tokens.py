"""No file or socket that a sandbox can open belongs to the platform."""

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_the_platforms_folders_are_not_there(target: Target) -> None:
    data_dir = target.machine.data_dir
    target.refused(f"""
        import os
        there = [path for path in ("{data_dir}", "/run/nbkeep/hub", "/run/nbkeep/office", "/run/nbkeep/server",
                 "/run/nbkeep/state", "/var/lib/nbkeep", "/work", "/etc/shadow", "/etc/resolv.conf.d", "/sys/fs")
                 if os.path.exists(path)]
        print(there, sorted(os.listdir("/run/nbkeep")))
        gateway = sorted(os.listdir("/run/nbkeep/gateway"))
        raise SystemExit(there != [] or sorted(os.listdir("/run/nbkeep")) != ["gateway", "kernels"]
                         or not set(gateway) <= {{"ca-bundle.pem", "connections.json", "gateway.sock"}})
    """)


def test_no_readable_file_outside_system_folders_names_the_token(target: Target) -> None:
    target.refused("""
        import os
        needle, found = b"secret-of-the-server" + b"-0451", []
        for top in ("/home", "/run", "/tmp", "/dev/shm", "/etc", "/opt/nbkeep/sandbox"):
            for folder, _, names in os.walk(top):
                for name in names:
                    try:
                        if os.path.isfile(path := os.path.join(folder, name)) and needle in open(path, "rb").read():
                            found.append(path)
                    except OSError: pass
        print(found)
        raise SystemExit(bool(found))
    """)
