"""What the programs do that lines for a shell name: by their names, their options, what they are given."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import places
from .values import DANGEROUS, NOTABLE, ORDINARY, Spot

if TYPE_CHECKING:
    from collections.abc import Callable

    from .collect import Collector

_HARMLESS = frozenset({
    "ls", "pwd", "echo", "printf", "head", "tail", "wc", "sort", "uniq", "grep", "cut", "tr", "date", "df",
    "du", "free", "uname", "which", "nvidia-smi", "nproc", "lscpu", "cd", "true", "false", "test", "[",
    "tree", "file", "stat", "mkdir", "touch", "tee", "column", "diff", "basename", "dirname", "sleep",
    "lsb_release", "seq", "yes", "clear", "set", "unset", "export", "wait", "fi", "then", "do", "done",
    "else", "for", "if", "while", "esac", "local", "return", "exit", "md5sum", "sha256sum", "less", "more",
    "find", "type", "hash", "nvcc", "lsblk", "uptime", "top", "ps", "readlink", "realpath", "jq", "sed",
    "awk", "zcat", "cat", "hostname", "locale", "whoami", "id", "base64", "xxd", "od", "strings",
    "jupyter", "cp", "mv", "unzip", "tar", "gzip", "gunzip", "zip", "7z", "read", "shift", "case", "in",
    "function", "expr", "let", "bc", "paste", "join", "split", "shuf", "rev", "ldconfig", "alias",
})  # fmt: skip
SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "fish", "ash", "csh", "tcsh"})
INTERPRETERS = frozenset({
    "python", "python3", "python2", "perl", "ruby", "node", "php", "lua", "Rscript", "osascript", "pwsh",
    "powershell", "ipython", "deno", "tclsh",
})  # fmt: skip
FETCHERS = frozenset({"curl", "wget", "aria2c", "fetch", "lwp-request", "http", "https", "axel"})
_INSTALLERS = frozenset({
    "pip", "pip3", "pip2", "conda", "mamba", "micromamba", "apt", "apt-get", "yum", "dnf", "apk", "brew",
    "npm", "yarn", "pnpm", "npx", "uv", "uvx", "poetry", "pipx", "gem", "cargo", "go", "easy_install",
    "snap", "pacman", "zypper", "dpkg", "rpm", "pipenv", "pdm", "cpan", "bun", "jupyter", "mim", "tlmgr",
})  # fmt: skip
_INSTALLS = frozenset({
    "install", "add", "i", "update", "upgrade", "create", "sync", "env", "get", "-i", "-S", "labextension",
    "nbextension", "download", "ci", "-U", "dist-upgrade", "run", "x",
})  # fmt: skip
_REMOTE = frozenset({
    "ssh", "scp", "rsync", "sftp", "ftp", "telnet", "mail", "sendmail", "rclone", "mutt", "aws", "gsutil",
    "gcloud", "az", "azcopy", "kubectl", "docker", "podman", "s3cmd", "mc", "tor", "torsocks",
    "proxychains", "smbclient", "nslookup", "dig", "host", "nmap", "ping", "whois", "gh",
    "huggingface-cli", "kaggle", "lftp", "croc", "magic-wormhole", "wormhole",
})  # fmt: skip
_DANGEROUS = {
    "nc": "opens a raw connection", "ncat": "opens a raw connection", "netcat": "opens a raw connection",
    "socat": "opens a raw connection", "crontab": "arranges for something to be run later",
    "at": "arranges for something to be run later", "systemctl": "changes services of the machine",
    "mkfs": "makes a file system anew", "dd": "writes raw data", "shred": "destroys files",
    "insmod": "loads code into the kernel", "modprobe": "loads code into the kernel",
    "gdb": "reaches into other programs", "strace": "reaches into other programs",
    "ptrace": "reaches into other programs", "iptables": "changes the network of the machine",
    "useradd": "makes an account", "passwd": "changes a password", "chpasswd": "changes a password",
    "visudo": "changes who may do what", "mount": "mounts a file system",
    "nsenter": "leaves its container", "unshare": "changes what it is shut into",
    "ngrok": "opens a tunnel from the internet to here",
    "cloudflared": "opens a tunnel from the internet to here", "xmrig": "mines for coins",
    "minerd": "mines for coins", "ethminer": "mines for coins", "cpuminer": "mines for coins",
    "chattr": "makes files undeletable", "ssh-keygen": "makes keys", "ssh-copy-id": "lets a key in",
    "history": "reads what was typed before",
}  # fmt: skip
_SENDS = frozenset({
    "-d", "--data", "--data-binary", "--data-raw", "--data-urlencode", "-F", "--form", "-T",
    "--upload-file", "--post-file", "--post-data", "--body-file", "--json",
})  # fmt: skip


_OF_FILES = (
    "cat", "cp", "mv", "tar", "zip", "ln", "tee", "find", "sed", "head", "tail", "grep", "less", "unzip",
    "touch", "mkdir",
)  # fmt: skip
_CALM_MODULES = frozenset({"ipykernel", "spacy", "nltk.downloader", "pip", "venv"})
_INDEXES = (
    "--index-url", "--extra-index-url", "-i", "--trusted-host", "--find-links", "-f", "--registry",
    "--no-verify-ssl",
)  # fmt: skip
_USUAL_INDEXES = ("download.pytorch.org", "data.pyg.org", "pypi.org")
_FETCHED = re.compile(r"(?:git\+|https?:|ftp:)//|^\S+\.(?:whl|tar\.gz|zip)$|@ ?https?:")
_INTO = re.compile(r"-[a-zA-Z]*[oO]|--output(?:-document)?")
_BY_ADDRESS = re.compile(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name(?:-all)?")
_WIDE = frozenset({
    "/", "~", "*", "/*", "~/", "~/*", ".", "..", "$HOME", "./*", "${HOME}", "$HOME/*",
})  # fmt: skip
_WIDE_FOLDER = re.compile(r"/(?:home|root|usr|etc|var)(?:/[\w*]*)?")


@dataclass(frozen=True, slots=True)
class Inner:
    """How what stands in a shell is read that is no shell: Python, and bytes that were hidden."""

    python: Callable[[str, Spot], None]
    payload: Callable[[bytes, Spot, str], None]
    shell: Callable[[str, Spot, int], None]


def path(path: str, text: str, spot: Spot, found: Collector, verb: str, *, writes: bool) -> None:
    """Note what is done to a path."""
    kind, weight, word = places.weight_of_path(path, writes=writes)
    found.add(kind, weight, spot, f"{verb} {path}{f', {word}' if word else ''}", text)


@dataclass(frozen=True, slots=True)
class Run:
    """One program that a shell starts. `text`: as it is written; `depth`: of shells within shells."""

    name: str
    arguments: list[str]
    text: str
    spot: Spot
    found: Collector
    inner: Inner
    depth: int

    @property
    def plain(self) -> list[str]:
        """Return its arguments without flags, and without what is written or read by the shell."""
        return [one for one in self.arguments if not one.startswith("-") and not set(one) & set("<>")]

    @property
    def joined(self) -> str:
        """Return its arguments as one text."""
        return " ".join(self.arguments)

    def behind(self, flag: str) -> str:
        """Return the argument behind a flag that is there, or ""."""
        at = self.arguments.index(flag) + 1
        return self.arguments[at] if at < len(self.arguments) else ""

    def note(self, kind: str, weight: str, what: str) -> None:
        """Note something that it does."""
        self.found.add(kind, weight, self.spot, what, self.text)


def about(run: Run) -> None:
    """Note what a program does with its arguments."""
    if re.fullmatch(r"python[\d.]*", run.name):
        run = replace(run, name="python")
    _WAYS.get(run.name, _other)(run)


def _other(run: Run) -> None:
    run.note("shell", ORDINARY if run.name in _HARMLESS else NOTABLE, f"runs {run.name}")


def _dangerous(run: Run) -> None:
    words = _DANGEROUS[run.name]
    is_calm = run.name in {"ssh-keygen", "history", "at"} or (
        run.name == "dd" and "of=/dev" not in run.joined
    )
    kind = "shell"
    if "later" in words:
        kind = "persistence"
    elif "connection" in words or "tunnel" in words:
        kind = "network"
    run.note(kind, NOTABLE if is_calm else DANGEROUS, words)


def _eval(run: Run) -> None:
    run.inner.shell(run.joined, run.spot, run.depth + 1)
    run.note("dynamic", NOTABLE, "runs a text as lines for a shell")


def _shell(run: Run) -> None:
    if "-c" in run.arguments:
        run.inner.shell(run.behind("-c"), run.spot, run.depth + 1)
    elif run.plain:
        run.note("shell", NOTABLE, f"runs the script {run.plain[0]}")
        run.found.trail.runs(run.plain[0], run.spot, run.text)
    elif run.name in {"source", "."}:
        run.note("shell", NOTABLE, "runs a script")


def _installer(run: Run) -> None:
    if set(run.plain[:3]) & _INSTALLS or run.name in {"npx", "uvx", "easy_install"}:
        install(f"{run.name} {run.joined}", run)
    else:
        _other(run)


def _remote(run: Run) -> None:
    run.note("network", NOTABLE, f"speaks to another machine with {run.name}")


def _environment(run: Run) -> None:
    if run.plain:
        _other(run)
    else:
        run.note("credentials", NOTABLE, "shows the whole environment")


def _rights(run: Run) -> None:
    is_heavy = re.search(r"\+s|\b[4267]\d{3}\b|u\+s", run.joined) is not None
    what = f"changes the rights of {' '.join(run.plain[1:]) or 'files'}"
    if re.search(r"[+=][rwst]*x|\b[0-7]*[1357][0-7]*\b", next(iter(run.plain), "")):
        for one in run.plain[1:20]:
            run.found.trail.runs(one, run.spot, run.text, "makes a program of")
    run.note("files", DANGEROUS if is_heavy else ORDINARY, what)


def _interpreter(run: Run) -> None:
    name, plain = run.name, run.plain
    flag = next((one for one in ("-c", "-e", "-r") if one in run.arguments), "")
    if flag:
        if name in {"python", "ipython"} and (code := run.behind(flag)):
            run.inner.python(code, run.spot)
        run.note("shell", NOTABLE, f"runs a text as {name}")
    elif "-m" in run.arguments:
        _module(run, plain[0] if plain else "")
    elif plain:
        run.note("shell", NOTABLE, f"runs the script {plain[0]}")
        run.found.trail.runs(plain[0], run.spot, run.text)
    else:
        run.note("shell", ORDINARY, f"runs {name}")


def _module(run: Run, module: str) -> None:
    if module in {"pip", "conda", "ensurepip", "uv"} and set(run.plain[1:3]) & _INSTALLS:
        install(" ".join(run.arguments[run.arguments.index("-m") + 1 :]), run)
    elif module == "http.server":
        run.note("network", NOTABLE, "serves files to others")
    else:
        weight = ORDINARY if module in _CALM_MODULES else NOTABLE
        run.note("shell", weight, f"runs the module {module or '?'} of {run.name}")


def _fetcher(run: Run) -> None:
    joined = run.joined
    addresses = places.addresses_in(joined)
    weights = [places.weight_of_address(one) for one in addresses]
    usual = next((one for one in weights if one[0] == NOTABLE), (NOTABLE, ""))
    weight, why = next((one for one in weights if one[0] == DANGEROUS), usual)
    verb = "fetches"
    if _is_sending(run.arguments, joined):
        verb = "sends to"
        if re.search(r"@|--upload-file|-T|--post-file|\$\(|`|\{", joined) is not None:
            weight, verb = DANGEROUS, "sends a file or an output to"
    host = (
        places.host_of(addresses[0])
        if addresses
        else host_among(run.arguments, "an address made while it runs")
    )
    run.note("network", weight, f"{verb} {host}{f', {why}' if why else ''} with {run.name}")
    for one in _fetched_into(run, addresses):
        run.found.trail.fetches(one, host)
    for flag in ("-P", "--directory-prefix", "--output-dir"):
        if flag in run.arguments:
            run.found.trail.fetches_into(run.behind(flag), host)


def _fetched_into(run: Run, addresses: list[str]) -> list[str]:
    """Return the files into which something is fetched, by what was asked or by their addresses."""
    named = [
        two for one, two in zip(run.arguments, run.arguments[1:], strict=False) if _INTO.fullmatch(one)
    ] + [one.partition("=")[2] for one in run.arguments if one.startswith("--output")]
    is_by_address = run.name != "curl" or any(_BY_ADDRESS.fullmatch(one) for one in run.arguments)
    return named + ([*addresses, *run.plain] if is_by_address else [])


def host_among(arguments: list[str], otherwise: str) -> str:
    """Return what looks like a host among arguments."""
    return next((one for one in arguments if "." in one and not one.startswith("-")), otherwise)


def _is_sending(arguments: list[str], joined: str) -> bool:
    return (
        bool(_SENDS & {one.partition("=")[0] for one in arguments})
        or re.search(r"-X\s*(?:POST|PUT)", joined) is not None
        or any(one.startswith(("-d@", "-F@", "-T")) for one in arguments)
    )


def install(words: str, run: Run) -> None:
    """Note that packages are installed: which ones, and from where if not from where all do."""
    parts = words.split()
    unnamed = {*_INSTALLS, "pip", "global"}
    wanted = [one for one in parts[1:] if not one.startswith("-") and one not in unnamed]
    fetched = next((one for one in wanted if _FETCHED.search(one)), "")
    weight, tail = _from_address(fetched) if fetched else _from_index(parts, words)
    named = f"{', '.join(wanted[:8]) or 'packages'}{' …' if len(wanted) > 8 else ''}"
    run.note("install", weight, f"installs {named}{tail} with {parts[0]}")


def _from_address(fetched: str) -> tuple[str, str]:
    """Return how heavy it is to install from an address or a file, and words for where that is."""
    address = fetched.removeprefix("git+")
    heavy, why = places.weight_of_address(address)
    is_heavy = heavy == DANGEROUS or fetched.startswith("http://") or "number" in why
    tail = f" from {places.host_of(address)}" if "//" in fetched else " from a file"
    return DANGEROUS if is_heavy else NOTABLE, tail


def _from_index(parts: list[str], words: str) -> tuple[str, str]:
    """Return how heavy it is to install from the index that is named, and words for it; "" where none is."""
    given = {part.partition("=")[0] for part in parts}
    flag = next((one for one in _INDEXES if one in given), "") if parts[0] != "apt" else ""
    if not flag or any(one in words for one in _USUAL_INDEXES):
        return NOTABLE, ""
    is_heavy = "http://" in words or flag == "--trusted-host"
    return DANGEROUS if is_heavy else NOTABLE, f" from another index ({flag})"


def _git(run: Run) -> None:
    verb = run.plain[0] if run.plain else ""
    if verb in {"clone", "pull", "fetch", "submodule", "lfs"}:
        run.note("network", NOTABLE, f"fetches a repository: {' '.join(run.plain[1:2])}".rstrip(": "))
    elif verb in {"push", "remote", "config"}:
        run.note("network" if verb != "config" else "shell", NOTABLE, f"runs git {verb}")
    else:
        run.note("shell", ORDINARY, f"runs git {verb}".rstrip())


def _remove(run: Run) -> None:
    flags = [one for one in run.arguments if one.startswith("-")]
    recursive = any("r" in one.lower() for one in flags)
    wide = [one for one in run.plain if one in _WIDE or _WIDE_FOLDER.fullmatch(one)]
    if recursive and wide:
        run.note("files", DANGEROUS, f"deletes all in {wide[0]}")
    for one in [path for path in run.plain if path not in wide or not recursive][:10]:
        _, weight, word = places.weight_of_path(one, writes=True)
        heavy = DANGEROUS if weight == DANGEROUS else NOTABLE
        run.note("files", heavy, f"deletes {one}{f', {word}' if word else ''}")


def _files(run: Run) -> None:
    name = run.name
    paths = run.plain[1:] if name in {"sed", "grep"} else run.plain
    writes = name in {"cp", "mv", "ln", "tee", "touch", "mkdir"}
    for at, one in enumerate(paths[:20]):
        kind, weight, word = places.weight_of_path(one, writes=writes and at == len(paths) - 1)
        if weight != ORDINARY and kind != "network":
            run.note(kind, weight, f"{name} of {one}, {word}")
    if name == "find" and re.search(r"-(?:exec|delete|ok)", run.text):
        run.note("files", NOTABLE, "does something to each file that it finds")
    run.note("files" if paths else "shell", ORDINARY, f"runs {name}{f' of {paths[0]}' if paths else ''}")


# What stands further down counts more.
_WAYS: dict[str, Callable[[Run], None]] = {
    **dict.fromkeys(_OF_FILES, _files),
    **dict.fromkeys(("chmod", "chown"), _rights),
    **dict.fromkeys(("env", "printenv"), _environment),
    "rm": _remove,
    **dict.fromkeys(_REMOTE, _remote),
    "git": _git,
    **dict.fromkeys(_INSTALLERS, _installer),
    **dict.fromkeys(FETCHERS, _fetcher),
    **dict.fromkeys(INTERPRETERS, _interpreter),
    **dict.fromkeys((*SHELLS, "source", "."), _shell),
    "eval": _eval,
    **dict.fromkeys(_DANGEROUS, _dangerous),
}
