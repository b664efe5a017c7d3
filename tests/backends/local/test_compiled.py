"""What every sandbox starts with is compiled beforehand, for all to read, and again when it has changed."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from nbkeep.backends.local.compiled import compile_for_sandboxes


def compiled(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


def test_what_was_compiled_can_be_read_by_all_and_is_made_anew_with_its_source(tmp_path: Path) -> None:
    source, below = tmp_path / "one.py", tmp_path / "state/two.py"
    below.parent.mkdir()
    for file in (source, below):
        file.write_text("x = 1\n")
        file.chmod(0o644)
    umask = os.umask(0o077)
    try:
        compile_for_sandboxes(tmp_path)
    finally:
        os.umask(umask)
    for file in (source, below):
        assert compiled(file).stat().st_mode & 0o444 == 0o444
        assert compiled(file).parent.stat().st_mode & 0o755 == 0o755
    made = compiled(source).read_bytes()
    compile_for_sandboxes(tmp_path)
    assert compiled(source).read_bytes() == made
    source.write_text("x = 2  # and more\n")
    os.utime(source, (0, source.stat().st_mtime + 10))  # of a later release, to the second
    compile_for_sandboxes(tmp_path)
    assert compiled(source).read_bytes() != made


def test_code_that_cannot_be_compiled_there_or_at_all_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def\n")
    (tmp_path / "__pycache__").write_text("a file in the way")
    compile_for_sandboxes(tmp_path)
    compile_for_sandboxes(tmp_path / "absent")
