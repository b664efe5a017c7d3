#!/usr/bin/env bash
# Installs the operating system's packages that sandboxes, homes and tests use; `--check` only says what is missing.
set -euo pipefail

# command or library, what it is for, its package for apt, its package for dnf
wanted="
bwrap|sandboxes|bubblewrap|bubblewrap
libseccomp.so.2|the sandbox's system call filter|libseccomp2|libseccomp
mkfs.xfs|homes with a hard size limit (as root)|xfsprogs|xfsprogs
chromium|PDFs of notebooks, tests in a real browser|chromium|chromium
tesseract|reading what pictures show, where documents are scanned|tesseract-ocr|tesseract
postgres|tests with PostgreSQL|postgresql|postgresql-server
curl|tests of the way out|curl|curl
git|tests of the way out|git|git
"

is_there() {
    case $1 in
        lib*) compgen -G "/lib*/$1" || compgen -G "/usr/lib*/$1" || compgen -G "/usr/lib/*/$1" ;;
        chromium) command -v chromium chromium-browser google-chrome >/dev/null ;;
        postgres) command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 ;;
        *) command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] ;;
    esac
}

apt=() dnf=()
while IFS='|' read -r thing purpose for_apt for_dnf; do
    [ -n "$thing" ] || continue
    is_there "$thing" >/dev/null && continue
    echo "missing: $thing ($purpose)" >&2
    apt+=("$for_apt") dnf+=("$for_dnf")
done <<< "$wanted"
[ ${#apt[@]} -eq 0 ] && exit 0

if command -v apt-get >/dev/null; then
    install=(apt-get install -y --no-install-recommends "${apt[@]}")
elif command -v dnf >/dev/null; then
    install=(dnf install -y "${dnf[@]}")
else
    echo "Install them with your system's package manager." >&2
    exit 1
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
if [ "${1:-}" = --check ]; then
    echo "\`make system\` installs them, or as root: ${install[*]}" >&2
    exit 1
fi
if ! "${as_root[@]}" true 2>/dev/null; then
    echo "Not allowed to install packages. As root: ${install[*]}" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
if command -v apt-get >/dev/null; then "${as_root[@]}" apt-get update -q </dev/null; fi
exec "${as_root[@]}" "${install[@]}" </dev/null
