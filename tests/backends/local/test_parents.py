"""What comes from a warm parent is as a process started plainly: as confined, as random, with the same surroundings."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forked import Kernel, ask_door, field, wait_until_warm
from nbkeep.backends.interface import LaunchSpec, Warm
from sandboxes import Machine, make_machine, why_not

_MODULES = ["numpy", "pandas", "sklearn.linear_model", "matplotlib.pyplot", "pyarrow", "polars", "duckdb"]
# What confines a process, as the host sees it (proc_pid_status(5)).
_CONFINEMENT = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
                "Umask", "SigIgn", "SigBlk", "THP_enabled")  # fmt: skip
_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts", "time")

pytestmark = pytest.mark.skipif(bool(why_not("warm")), reason=why_not("warm"))


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    found = make_machine("warm")
    try:
        found.client.keep_warm([Warm("base"), Warm("base", _MODULES)])
        wait_until_warm(found, r"kernels of base with numpy, .*: \d+ MiB", 120)
        yield found
    finally:
        found.end()


@pytest.fixture(scope="module")
def spec(machine: Machine) -> LaunchSpec:
    found = machine.spec(memory_bytes=1 << 30)
    machine.client.launch(found)
    return found


@pytest.fixture(scope="module")
def furnished(machine: Machine) -> LaunchSpec:
    """A session whose kernels come with libraries imported."""
    found = machine.spec(user="john", uid_index=2, memory_bytes=1 << 30, preimport=_MODULES)
    machine.client.launch(found)
    return found


def seen_from_the_host(pid: int) -> dict[str, Any]:
    process = Path(f"/proc/{pid}")
    return {
        **{name: field(process, name) for name in _CONFINEMENT},
        **{name: os.readlink(process / "ns" / name) for name in _NAMESPACES},
        "session": field(process, "NSsid").split()[-1] == field(process, "NSpid").split()[-1],
        "limits": (process / "limits").read_text(),
        "cgroup": (process / "cgroup").read_text(),
        "oom_score_adj": (process / "oom_score_adj").read_text(),
        "root": os.readlink(process / "root"),
        "owner": process.stat().st_uid,
    }


_SURROUNDINGS = """
import json, locale, os, signal, sys, time, warnings
kinds = sorted(os.readlink(f"/proc/self/fd/{fd}").split(":")[0] for fd in (0, 1, 2))
print(json.dumps({
    "environment": dict(sorted((k, v) for k, v in os.environ.items() if k not in ("OMPI", "JPY_PARENT_PID"))),
    "cwd": os.getcwd(), "locale": locale.setlocale(locale.LC_ALL), "encoding": sys.getfilesystemencoding(),
    "zone": time.tzname, "umask": os.umask(0o022), "path": sys.path, "argv": sys.argv[1:2], "flags": list(sys.flags),
    "executable": sys.executable, "prefix": sys.prefix, "parent": os.getppid(), "stdio": kinds,
    "signals": [str(signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD)],
    "main": sorted(k for k in sys.modules["__main__"].__dict__ if k.startswith("__")),
    "recursion": sys.getrecursionlimit(), "switch": sys.getswitchinterval(), "filters": len(warnings.filters),
    "alive": __import__("threading").active_count(), "tids": len(os.listdir("/proc/self/task")),
    "mounts": open("/proc/self/mountinfo").read().count(chr(10)), "home": os.path.expanduser("~"),
}))
"""


fork = pytest.mark.parametrize("way", ["at-once", "spare"])


@fork
def test_both_ways_in_are_equally_confined(machine: Machine, spec: LaunchSpec, way: str) -> None:
    with Kernel(machine, spec, warm=False) as plain, Kernel(machine, spec, spare=way == "spare") as forked:
        assert seen_from_the_host(forked.host_pid()) == seen_from_the_host(plain.host_pid())


@fork
def test_both_ways_in_have_the_same_surroundings(machine: Machine, spec: LaunchSpec, way: str) -> None:
    with Kernel(machine, spec, warm=False) as plain, Kernel(machine, spec, spare=way == "spare") as forked:
        one, other = json.loads(forked.run(_SURROUNDINGS)), json.loads(plain.run(_SURROUNDINGS))
    assert one["environment"] == other["environment"]
    assert one == other


@fork
def test_a_fork_has_the_modules_of_a_plain_kernel_and_none_of_ours_under_a_name_of_theirs(
    machine: Machine, spec: LaunchSpec, way: str
) -> None:
    """A user's own `launch.py` or `processes.py` must be what `import launch` finds."""
    names = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    with Kernel(machine, spec, warm=False) as plain, Kernel(machine, spec, spare=way == "spare") as forked:
        extra = set(forked.run(names).split()) - set(plain.run(names).split())
    assert {name for name in extra if not name.startswith("_nbkeep_")} <= set(sys.stdlib_module_names)


@fork
def test_no_descriptor_of_the_parent_or_the_warden_comes_along(
    machine: Machine, spec: LaunchSpec, way: str
) -> None:
    look = """
import os
print(sorted(os.readlink(f"/proc/self/fd/{fd}").split("[")[0] for fd in os.listdir("/proc/self/fd")
             if os.path.lexists(f"/proc/self/fd/{fd}")
             # SQLite's own for a moment, while the kernel saves its history
             and not os.readlink(f"/proc/self/fd/{fd}").endswith("/history.sqlite-journal")))
"""
    with Kernel(machine, spec, warm=False) as plain, Kernel(machine, spec, spare=way == "spare") as forked:
        known = set(eval(plain.run(look)))  # noqa: S307  a list of texts that the test itself prints
        assert set(eval(forked.run(look))) <= known  # noqa: S307


def test_a_forks_output_outside_of_cells_is_kept_for_its_death(machine: Machine, spec: LaunchSpec) -> None:
    with Kernel(machine, spec, warm=True) as kernel:
        kernel.client.execute(
            "import os, sys; os.write(sys.stderr._original_stdstream_copy, b'last words'); os._exit(7)"
        )
        ended = kernel.init.exit_of(kernel.pid)
    assert (ended["code"], ended["signal"]) == (7, None)
    assert "last words" in ended["output_tail"]


_LISTED = """
import sys
files = set(get_ipython().kernel.debugger.kernel_modules)
named = [sys.modules[name].__file__ in files for name in ("ipykernel.kernelapp", "argparse")]
sys.told = [*named, "colorsys.py" in " ".join(files)]
import colorsys
get_ipython().reset(aggressive=True)
import json, sys
names = ("IPython", "json", "ipykernel.kernelapp", "colorsys")
print(json.dumps([*sys.told, *[name in sys.modules for name in names]]))
"""


@fork
def test_a_debugger_and_a_reset_spare_what_was_imported_before_the_user_came(
    machine: Machine, spec: LaunchSpec, way: str
) -> None:
    """A fork does not list its modules itself, but knows what a plain kernel knows."""
    with Kernel(machine, spec, warm=False) as plain, Kernel(machine, spec, spare=way == "spare") as forked:
        told = json.loads(forked.run(_LISTED).splitlines()[-1])
        assert told == json.loads(plain.run(_LISTED).splitlines()[-1])
    assert told == [True, True, False, True, True, True, False]


_RANDOM = """
import random, uuid, ssl, secrets, tempfile, os, json
import numpy
print(json.dumps([random.random(), str(uuid.uuid4()), str(uuid.uuid1()), ssl.RAND_bytes(8).hex(), secrets.token_hex(8),
                  next(tempfile._get_candidate_names()), os.urandom(8).hex(), float(numpy.random.random()),
                  float(numpy.random.default_rng().random())]))
"""


def test_what_is_random_differs_between_forks(machine: Machine, furnished: LaunchSpec) -> None:
    told: list[list[Any]] = []
    for number in range(4):
        with Kernel(machine, furnished, spare=number % 2 == 1) as kernel:
            told.append(json.loads(kernel.run(_RANDOM)))
    for values in zip(*told, strict=True):
        assert len(set(values)) == 4, values


def test_libraries_use_the_sessions_cpus_and_do_not_hang(machine: Machine, furnished: LaunchSpec) -> None:
    with Kernel(machine, furnished, warm=True) as kernel:
        told = kernel.run("""
import sys
assert "pandas" in sys.modules and "sklearn" in sys.modules, "not imported by the parent"
import numpy, threadpoolctl, pyarrow, pandas, polars, duckdb, matplotlib
from sklearn.ensemble import RandomForestClassifier
from sklearn.cluster import KMeans
many = numpy.random.default_rng(0).random((600, 600))
total = (many @ many).sum() + numpy.linalg.svd(many)[1].sum()
RandomForestClassifier(n_jobs=2, n_estimators=8).fit(many[:, :5], many[:, 5] > 0.5)
KMeans(3, n_init=1).fit(many[:, :5])
assert polars.DataFrame({"a": [1, 2, 3]}).lazy().group_by("a").len().collect().height == 3
assert duckdb.sql("select sum(range) from range(1000000)").fetchall()[0][0] == 499999500000
assert pandas.DataFrame({"a": [1.0]}).to_parquet("x.parquet") is None
assert pandas.read_parquet("x.parquet").a[0] == 1.0
print(sorted({pool["num_threads"] for pool in threadpoolctl.threadpool_info()}), pyarrow.cpu_count(),
      matplotlib.get_backend())
""")
    assert told.split() == ["[2]", "2", "inline"] or told.split()[:2] == ["[2]", "2"], told


def test_a_module_that_starts_threads_is_left_out_and_the_others_are_kept(machine: Machine) -> None:
    """A fork would wait for the thread that it does not have (polars starts one at import)."""
    told = wait_until_warm(machine, r"kernels of base with numpy, .*polars.*: \d+ MiB, without polars")
    assert "starts threads" in told


def test_a_module_that_is_not_there_or_fails_is_told_and_the_others_are_kept(machine: Machine) -> None:
    machine.client.keep_warm([Warm("base"), Warm("base", _MODULES), Warm("base", ["no_such_module", "json"])])
    wait_until_warm(machine, r"kernels of base with no_such_module, json: \d+ MiB")
    assert "no_such_module: ModuleNotFoundError" in (machine.data_dir / "warden.out").read_text()


def test_a_parent_holds_nothing_of_a_session(
    machine: Machine, spec: LaunchSpec, furnished: LaunchSpec
) -> None:
    """Marks planted in one kernel's variables and environment are in no page of a later fork, nor of a parent."""
    mark = "planted-" + "mark-4711"
    with Kernel(machine, spec, warm=True) as kernel:
        kernel.run(
            f"import os; kept = [('planted-' + 'mark-4711') * 3]; os.environ['MARK'] = kept[0]; {mark!r}"
        )
    search = """
needle = ("planted-" + "mark-" + "4711").encode()[:-1] + b"1"
own = bytes(reversed(bytes(reversed(needle))))
found = 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        span, rights = line.split()[:2]
        if "r" not in rights or "[v" in line: continue
        low, high = (int(part, 16) for part in span.split("-"))
        try:
            memory.seek(low); data = memory.read(high - low)
        except OSError: continue
        found += data.count(needle * 3)
print(found)
"""
    for one, spare in ((spec, False), (spec, True), (furnished, True)):
        with Kernel(machine, one, spare=spare) as later:
            assert later.run(search).strip() == "0"
    needle = (mark * 3).encode()
    for pid in _parents(machine):
        assert needle not in (Path(f"/proc/{pid}/environ").read_bytes())
        assert not _memory_has(pid, needle)


def _parents(machine: Machine) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and b"/opt/nbkeep/parent.py" in _command(entry):
            parent = int(field(entry, "PPid"))
            if str(machine.data_dir).encode() in _command(Path(f"/proc/{parent}")) + _command(entry):
                found.append(int(entry.name))
    return found


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def _memory_has(pid: int, needle: bytes) -> bool:
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if "r" not in rights or "[v" in line:
                continue
            low, high = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(low)
                if needle in memory.read(high - low):
                    return True
            except (OSError, OverflowError):
                continue
    return False


def test_a_killed_parent_is_replaced_and_starts_go_on_meanwhile(machine: Machine, spec: LaunchSpec) -> None:
    before = _parents(machine)
    assert before
    for pid in before:
        os.kill(pid, 9)
    again = machine.spec(user="ann", uid_index=3)
    machine.client.launch(again)
    with Kernel(machine, again, warm=False) as kernel:
        assert kernel.run("print(6 * 7)").strip() == "42"
    wait_until_warm(machine, r"kernels of base: \d+ MiB")
    with Kernel(machine, again, warm=True) as kernel:
        assert kernel.run("print(6 * 7)").strip() == "42"
    machine.client.stop(again.session_id, grace_s=0)


def test_the_door_takes_what_a_parent_can_serve_and_nothing_else(machine: Machine, spec: LaunchSpec) -> None:
    good = "/run/nbkeep/kernels/k-0123456789ab/connection.json"
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/home/user/evil.json", {}),
        ("/run/nbkeep/kernels/k-0123456789ab/../../x/connection.json", {}),
        (good, {"env": {"LD_PRELOAD": "/home/user/evil.so"}}),
        (good, {"env": {"PYTHONPATH": "/home/user"}}),
        (good, {"env": ["x"]}),
        (good, {"cwd": "relative"}),
    ]
    for file, more in asked:
        assert ask_door(machine, spec, file, **more)["ok"] is False
    with Kernel(machine, spec, warm=True) as kernel:
        assert kernel.run("print(1)").strip() == "1"


def test_the_trusted_half_from_a_parent_is_as_confined_as_a_plain_one(machine: Machine) -> None:
    """It has no /proc: the host compares. Ended as root's plain one is: by SIGTERM through its first process."""
    wait_until_warm(machine, r"the server: \d+ MiB")
    forked = machine.spec(user="eve", uid_index=4)
    machine.client.launch(forked)
    inner = json.loads((machine.folder(forked) / "server.json").read_text())["inner"]["pid"]
    wanted = os.readlink(f"/proc/{inner}/ns/pid")
    ours = [pid for pid in _same_namespace(wanted) if pid != inner]
    assert len(ours) == 1
    seen = seen_from_the_host(ours[0])
    assert seen["CapEff"] == seen["CapBnd"] == seen["CapPrm"] == "0" * 16
    assert (seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2")
    first = seen_from_the_host(inner)
    for name in (*_NAMESPACES, "Uid", "Gid", "Groups", "cgroup", "root"):
        assert seen[name] == first[name], name
    began = time.monotonic()
    machine.client.stop(forked.session_id, grace_s=30)
    assert (
        time.monotonic() - began < 20
    )  # it took the signal, and was not waited for until the end of the grace
    assert machine.client.status(forked.session_id) is None


def _same_namespace(wanted: str) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "ns/pid") == wanted:
                found.append(int(entry.name))
        except OSError:
            continue
    return found
