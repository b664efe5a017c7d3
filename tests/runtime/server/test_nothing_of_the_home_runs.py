"""Attack: what a user (or a notebook's code) plants in the home must never run in the trusted half."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import json
from pathlib import Path

from session_server import Browser, RunningServer


def plant(home: Path, mark: Path) -> None:
    """Put code at every place where Jupyter, IPython and Python look for some."""
    code = f"import os\nopen({str(mark)!r}, 'a').write(__name__ + ' ' + str(os.getpid()) + '\\n')\n"
    for place in (
        ".jupyter/jupyter_server_config.py",
        ".jupyter/jupyter_config.py",
        ".config/jupyter/jupyter_server_config.py",
        "jupyter_server_config.py",
        "jupyter_config.py",
        "startup.py",
        "jupyter_server/__init__.py",
        "tornado/__init__.py",
        "orjson.py",
        "sitecustomize.py",
        "usercustomize.py",
        ".local/lib/python3.11/site-packages/usercustomize.py",
        ".local/lib/python3.11/site-packages/jupyter_lsp/__init__.py",
        ".local/share/jupyter/nbextensions/x.py",
    ):
        path = home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    enabled = home / ".jupyter/jupyter_server_config.d/evil.json"
    enabled.parent.mkdir(parents=True)
    enabled.write_text(
        json.dumps({"ServerApp": {"jpserver_extensions": {"orjson": True}, "allow_origin": "*"}})
    )
    overrides = home / ".local/share/jupyter/lab/settings/page_config.json"
    overrides.parent.mkdir(parents=True)
    overrides.write_text('{"token": "planted"}')


async def test_configuration_and_code_in_the_home_are_ignored() -> None:
    running = RunningServer()
    mark = running.root / "ran"
    plant(running.home, mark)
    running.extra_env = {
        "HOME": str(running.home),
        "PYTHONSTARTUP": str(running.home / "startup.py"),
        "JUPYTER_CONFIG_DIR": str(running.home / ".jupyter"),
        "JUPYTER_CONFIG_PATH": str(running.home / ".jupyter"),
        "JUPYTER_PATH": str(running.home / ".local/share/jupyter"),
        "JUPYTERLAB_SETTINGS_DIR": str(running.home),
    }
    with running as server:
        page = server.request("GET", "lab")
        assert "planted" not in page.text
        assert page.headers.get("Access-Control-Allow-Origin") != "*"
        assert server.request("GET", "lab/api/settings").status_code == 200
        assert not mark.exists(), mark.read_text()


async def test_a_planted_kernelspec_runs_in_the_sandbox_only() -> None:
    """Neither `metadata.kernel_provisioner` nor anything else in a kernelspec chooses what runs here."""
    with RunningServer() as server:
        folder = server.home / ".local/share/jupyter/kernels/evil"
        folder.mkdir(parents=True)
        spec = {
            "argv": ["/opt/nbkeep/image/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Mine",
            "language": "python",
            "env": {"STOLEN": "${JUPYTERHUB_API_TOKEN}-${NBKEEP_SESSION_TOKEN}"},
            "metadata": {"kernel_provisioner": {"provisioner_name": "local-provisioner", "config": {}}},
        }
        (folder / "kernel.json").write_text(json.dumps(spec))
        (folder / "logo-64x64.png").symlink_to(server.state / "cookie-secret")
        found = server.json("GET", "api/kernelspecs")["kernelspecs"]
        assert found["evil"]["spec"]["metadata"] == {}
        assert server.request("GET", "kernelspecs/evil/logo-64x64.png").status_code == 404
        server.put_notebook("n.ipynb", "0")
        async with Browser(server, server.open_notebook("n.ipynb", "evil")) as browser:
            out = await browser.run(
                "import os; print(os.getppid(), sorted(os.environ), os.environ['STOLEN'])"
            )
        assert out.startswith(f"{server.processes[0].pid} "), (
            "the kernel is not a child of the sandbox's init"
        )
        assert "TOKEN" not in out.replace("${JUPYTERHUB_API_TOKEN}-${NBKEEP_SESSION_TOKEN}", "")


def test_malformed_kernelspecs_are_left_out() -> None:
    with RunningServer() as server:
        kernels = server.home / ".local/share/jupyter/kernels"
        for name, text in {
            "a": "{",
            "b": "[]",
            "c": '{"argv": "sh"}',
            "d": '{"argv": [], "metadata": 3}',
            "e": '{"argv": ["x"], "env": []}',
            "python3": '{"argv": ["evil"], "display_name": "Python 3", "language": "python"}',
        }.items():
            (kernels / name).mkdir(parents=True)
            (kernels / name / "kernel.json").write_text(text)
        found = server.json("GET", "api/kernelspecs")["kernelspecs"]
        assert set(found) == {"python3"}
        assert found["python3"]["spec"]["argv"][0] == "/opt/nbkeep/image/bin/python"
