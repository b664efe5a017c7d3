"""/tmp and /dev/shm end at their size; every other folder outside the home cannot be written."""

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_scratch_is_full_at_its_size(target: Target, folder: str) -> None:
    target.refused(f"""
        import errno, os
        written = 0
        try:
            with open("{folder}/fill", "wb") as file:
                while written < 1 << 30:
                    written += file.write(bytes(1 << 20)); file.flush()
        except OSError as error:
            print(error, written)
            raise SystemExit(not (error.errno == errno.ENOSPC and written <= 64 << 20))
        finally: os.unlink("{folder}/fill")
        raise SystemExit("no end")
    """)


def test_nothing_else_is_writable(target: Target) -> None:
    target.refused("""
        import os
        written = []
        for folder in ("/", "/dev", "/run", "/run/nbkeep", "/opt", "/opt/nbkeep", "/opt/nbkeep/image", "/etc", "/usr",
                       "/home", "/opt/nbkeep/sandbox", "/opt/nbkeep/image/lib/python3.11/site-packages"):
            try: open(folder + "/planted", "w"); written.append(folder)
            except OSError: pass
        print(written)
        raise SystemExit(bool(written))
    """)
