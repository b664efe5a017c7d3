"""Variables outlive the end of a session: saved on SIGTERM, restored at the next start."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import asyncio
import json
from typing import Any

from session_server import Browser, RunningServer, eventually
from state_parts import begin_again, end, folder_of, keeping, kernel_of, runs, settled, summary_of


def test_a_session_goes_on_with_its_variables_after_its_end() -> None:
    with RunningServer(**keeping()) as server:
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb")
        runs(
            server,
            kernel,
            "x = {'answer': 42}; y = [x]",
            "def f(): return x['answer']",
            "g = (i for i in 'ab')",
        )
        end(server)
        told = summary_of(server)
        assert [one["path"] for one in told["kernels"]] == ["a.ipynb"], server.log()
        assert told["kernels"][0]["kept"] >= 3
        assert [one["name"] for one in told["kernels"][0]["lost"]] == ["g"]
        begin_again(server)
        assert kernel_of(server, "a.ipynb") == kernel
        printed = runs(server, kernel, "y[0]['answer'] += 1", "print(f(), get_ipython().execution_count)")
        assert printed == "43 6\n"  # inside the fifth cell, IPython counts the next one
        (resumed,) = settled(server)
        assert (resumed["status"], resumed["path"], resumed["reason"]) == ("restored", "a.ipynb", "")
        assert [one["name"] for one in resumed["lost"]] == ["g"]
        server.json("DELETE", "nbkeep/api/state/resumed")
        assert server.json("GET", "nbkeep/api/state")["resumed"] is None
        (saved,) = server.office.of_type("state.saved")
        assert (saved["why"], saved["notebook"], saved["lost"]) == ("end", "a.ipynb", 1)
        (restored,) = eventually(lambda: server.office.of_type("state.restored"))
        assert restored["bytes"] == saved["bytes"] > 0


def test_several_notebooks_come_back_each_with_its_own() -> None:
    with RunningServer(**keeping()) as server:
        kernels = {}
        for name in ("a", "b", "folder/c"):
            (server.home / "folder").mkdir(exist_ok=True)
            server.put_notebook(f"{name}.ipynb", "0")
            kernels[name] = server.open_notebook(f"{name}.ipynb")
            runs(server, kernels[name], f"mine = {name!r}")
        end(server)
        begin_again(server)
        for name, kernel in kernels.items():
            assert kernel_of(server, f"{name}.ipynb") == kernel
            assert runs(server, kernel, "print(mine)") == f"{name}\n"


def test_a_running_cell_may_finish_or_is_interrupted_and_then_saved() -> None:
    with RunningServer(**keeping(save_s=16)) as server:
        server.put_notebook("a.ipynb", "0")
        server.put_notebook("b.ipynb", "0")
        short, endless = server.open_notebook("a.ipynb"), server.open_notebook("b.ipynb")

        async def begin() -> None:
            async with Browser(server, short) as one, Browser(server, endless) as two:
                for browser, code in (
                    (one, "import time; open('one', 'w').close(); time.sleep(2); done = 'yes'"),
                    (
                        two,
                        "import time; n = 1; open('two', 'w').close()\nwhile True: time.sleep(0.01); n += 1",
                    ),
                ):
                    await browser.execute(code)
                for name in ("one", "two"):
                    await asyncio.to_thread(eventually, (server.home / name).exists)
                await asyncio.to_thread(end, server)

        asyncio.run(begin())
        begin_again(server)
        assert runs(server, short, "print(done)") == "yes\n"
        assert runs(server, endless, "print(n > 1)") == "True\n"


def test_a_second_call_to_end_changes_nothing() -> None:
    with RunningServer(**keeping(save_s=16)) as server:
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb")

        async def begin() -> None:
            async with Browser(server, kernel) as browser:
                await browser.execute("import time; open('began', 'w').close(); time.sleep(3); x = 1")
                await asyncio.to_thread(eventually, (server.home / "began").exists)
                assert server.server is not None
                for _ in range(3):
                    server.server.terminate()
                    await asyncio.sleep(0.3)
                refused = await browser.run("print('ran')")
                assert "about to end" in refused
                await asyncio.to_thread(server.server.wait, 60)

        asyncio.run(begin())
        begin_again(server)
        assert runs(server, kernel, "print(x)") == "1\n"


def test_what_was_saved_when_asked_outlives_a_kill() -> None:
    with RunningServer(**keeping()) as server:
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb")
        runs(server, kernel, "import os; big = bytearray(os.urandom(8 << 20)); x = 1")
        told = server.json("POST", "nbkeep/api/state/save")
        assert told["saved_at"]
        assert told["bytes"] > 8 << 20
        runs(server, kernel, "x = 2")
        server.json("POST", "nbkeep/api/state/save")
        # On a slow machine, the background may have saved in between.
        saves = eventually(
            lambda: [e for e in server.office.of_type("state.saved") if e["why"] == "asked"][1:]
        )
        assert saves[0]["new_bytes"] < 2 << 20
        runs(server, kernel, "x = 3")
        assert server.server is not None
        server.server.kill()
        server.server.wait()
        begin_again(server)
        assert runs(server, kernel, "print(x, len(big))") == f"2 {8 << 20}\n"


def test_a_kernel_of_another_kind_comes_back_empty_and_that_is_said() -> None:
    with RunningServer(**keeping()) as server:
        spec = server.home / ".local/share/jupyter/kernels/mine"
        spec.mkdir(parents=True)
        argv = ["/opt/nbkeep/image/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (spec / "kernel.json").write_text(
            json.dumps({"argv": argv, "display_name": "Mine", "language": "python"})
        )
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb", "mine")
        runs(server, kernel, "x = 1")
        end(server)
        (told,) = summary_of(server)["kernels"]
        assert told["kept"] == 0
        assert told["reason"].startswith("Variables of this kernel type are not kept, only those of Python")
        begin_again(server)
        assert kernel_of(server, "a.ipynb") == kernel
        (resumed,) = settled(server)
        assert (resumed["status"], resumed["reason"]) == ("not-kept", told["reason"])
        assert runs(server, kernel, "print('x' in globals())") == "False\n"


def test_too_much_is_told_and_the_earlier_state_stays() -> None:
    with RunningServer(**keeping(max_bytes=16 << 20)) as server:
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb")
        runs(server, kernel, "import os; x = 'small'")
        server.json("POST", "nbkeep/api/state/save")
        runs(server, kernel, "x = 'large'; big = os.urandom(20 << 20)")
        told = server.json("POST", "nbkeep/api/state/save")
        (problem,) = told["problems"]
        assert problem["path"] == "a.ipynb"
        assert "too large" in problem["reason"]
        assert runs(server, kernel, "print(x)") == "large\n"
        end(server)
        (kept,) = summary_of(server)["kernels"]
        assert "too large" in kept["reason"]
        assert kept["kept"] > 0
        begin_again(server)
        assert runs(server, kernel, "print(x)") == "small\n"


def test_the_session_ends_without_state_where_nothing_is_kept() -> None:
    with RunningServer() as server:
        server.put_notebook("a.ipynb", "0")
        runs(server, server.open_notebook("a.ipynb"), "x = 1")
        told = server.json("GET", "nbkeep/api/state")
        assert (told["keeps"], told["resumed"]) == (False, None)
        end(server, 20)
        assert not (server.state / "checkpoints").exists()


def test_a_restart_and_a_closed_kernel_are_not_undone_by_a_resume() -> None:
    with RunningServer(**keeping()) as server:
        for name in ("a", "b"):
            server.put_notebook(f"{name}.ipynb", "0")
        restarted, closed = server.open_notebook("a.ipynb"), server.open_notebook("b.ipynb")
        runs(server, restarted, "x = 1")
        runs(server, closed, "x = 1")
        server.json("POST", "nbkeep/api/state/save")
        server.json("POST", f"api/kernels/{restarted}/restart")
        server.json("DELETE", f"api/kernels/{closed}")
        end(server)
        begin_again(server)
        assert runs(server, restarted, "print('x' in globals())") == "False\n"
        assert [one["path"] for one in settled(server)] == ["a.ipynb"]


def test_a_session_can_be_resumed_again_and_again() -> None:
    with RunningServer(**keeping()) as server:
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb")
        runs(server, kernel, "runs = [0]")
        for number in range(1, 4):
            end(server)
            begin_again(server)
            assert (
                runs(server, kernel, f"runs.append({number}); print(runs)") == f"{list(range(number + 1))}\n"
            )
        assert len([one for one in folder_of(server).iterdir() if one.is_dir()]) == 1


def refused(change: Any, **env: str) -> None:
    """Keep something, change what lies there or what the server is told, resume: nothing runs with it."""
    with RunningServer(**keeping()) as server:
        server.put_notebook("a.ipynb", "0")
        runs(server, server.open_notebook("a.ipynb"), "import os; x = 1; big = os.urandom(4 << 20)")
        end(server)
        change(folder_of(server))
        before = {one: one.read_bytes() for one in folder_of(server).rglob("*") if one.is_file()}
        begin_again(server, **env)
        (told,) = settled(server)
        assert (told["path"], told["status"]) == ("a.ipynb", "failed")
        assert len(told["reason"]) > 30
        event = eventually(lambda: server.office.of_type("state.refused"))[0]
        assert event["reason"] == told["reason"]
        kernel = server.open_notebook("a.ipynb")
        assert before == {one: one.read_bytes() for one in folder_of(server).rglob("*") if one.is_file()}
        end(server)
        kept = {
            one: one.read_bytes()
            for one in before
            if one.name not in {"state.json", "index"} and one.exists()
        }
        assert kept.items() <= before.items()
        assert all(one in kept for one in before if one.suffix in {".stream", ".refs", ".manifest"}), kernel


def test_another_key_is_refused_and_nothing_is_deleted() -> None:
    other = keeping(key="A" * 43 + "=")
    refused(lambda _folder: None, **other)


def test_another_image_is_refused_and_nothing_is_deleted() -> None:
    refused(lambda _folder: None, **keeping(image="sha256:two"))


def test_an_altered_byte_is_refused_and_nothing_is_deleted() -> None:
    def alter(folder: Any) -> None:
        (stream,) = folder.rglob("*.stream")
        stream.write_bytes(stream.read_bytes()[:-1] + b"\0")

    refused(alter)


def test_an_altered_chunk_takes_the_variable_and_not_the_kernel() -> None:
    with RunningServer(**keeping()) as server:
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb")
        runs(server, kernel, "import os; x = 1; big = bytearray(os.urandom(4 << 20))")
        end(server)
        for chunk in folder_of(server).glob("*/chunks/*"):
            chunk.write_bytes(chunk.read_bytes()[:-1] + b"\0")
        begin_again(server)
        assert runs(server, kernel, "print('big' in globals())") == "False\n"
        (told,) = settled(server)
        assert told["status"] == "failed"
        assert "altered" in told["reason"]


def test_a_kernel_that_dies_while_it_is_restored_lets_the_others_go_on() -> None:
    with RunningServer(**keeping()) as server:
        for name in ("a", "b"):
            server.put_notebook(f"{name}.ipynb", "0")
        fatal, sound = server.open_notebook("a.ipynb"), server.open_notebook("b.ipynb")
        runs(
            server,
            fatal,
            "import os\nclass Fatal:\n    def __reduce__(self): return (os._exit, (3,))",
            "x = Fatal()",
        )
        runs(server, sound, "y = 1")
        end(server)
        begin_again(server)
        assert runs(server, sound, "print(y)") == "1\n"
        told = {one["path"]: one for one in settled(server)}
        assert told["b.ipynb"]["status"] == "restored"
        if told["a.ipynb"]["status"] == "failed":
            assert "ended" in told["a.ipynb"]["reason"]
        assert runs(server, fatal, "print('usable')") == "usable\n"


def test_a_kernel_that_dies_while_it_is_saved_leaves_the_earlier_state() -> None:
    with RunningServer(**keeping()) as server:
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb")
        runs(server, kernel, "x = 'earlier'")
        server.json("POST", "nbkeep/api/state/save")
        deadly = "import os\nclass Deadly:\n    def __reduce__(self): os.kill(os.getpid(), 9)"
        runs(server, kernel, deadly, "x = Deadly()")
        (problem,) = server.json("POST", "nbkeep/api/state/save")["problems"]
        assert problem["path"] == "a.ipynb"
        assert "ended" in problem["reason"]
        end(server)
        begin_again(server)
        assert runs(server, kernel, "print(x)") == "earlier\n"


def test_long_work_is_saved_in_the_background_without_being_asked() -> None:
    """A save may cost 2 % of what cells took: half a minute of work pays for the first one."""
    with RunningServer(**keeping()) as server:
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb")
        runs(server, kernel, "import time; x = 1; time.sleep(26)")
        (saved,) = eventually(lambda: server.office.of_type("state.saved"), 60)
        assert saved["why"] == "background"
        assert server.json("GET", "nbkeep/api/state")["saved_at"]
        assert server.server is not None
        server.server.kill()
        server.server.wait()
        begin_again(server)
        assert runs(server, kernel, "print(x)") == "1\n"
