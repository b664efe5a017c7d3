"""Flavors and profiles in words: the same in portal, command line and JupyterLab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.units import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOTHING = "No network: code reaches nothing outside its sandbox"
_MOST_LISTED = 4
_CLASSIFICATION = {
    "public": "Public data only",
    "internal": "Data up to internal",
    "confidential": "Data up to confidential",
    "pii": "Personal data allowed",
}
_QUARANTINE = "In quarantine: an empty home, nothing of yours in reach, and all of it gone with the session"
_DOWNLOADS = {
    "allow": "Files may be downloaded",
    "review": "Files in which a scan finds something, or that it cannot read, are reviewed before a download",
    "deny": "Nothing is downloaded",
}


def cpu_words(cpu_millis: int) -> str:
    """Return CPU as people say it.

    >>> cpu_words(2000), cpu_words(500)
    ('2 CPU', '0.5 CPU')
    """
    return f"{cpu_millis / 1000:g} CPU"


def memory_words(memory_bytes: int) -> str:
    """Return memory as people say it.

    >>> memory_words(8 << 30)
    '8 GiB memory'
    """
    return f"{format_size(memory_bytes)} memory"


def gpu_words(gpu_type: str, gpu_count: int) -> str:
    """Return GPUs as people say it.

    >>> gpu_words("a100", 1), gpu_words("l40s", 2), gpu_words("", 0)
    ('1 GPU A100', '2 GPUs L40S', 'no GPU')
    """
    if not gpu_count:
        return "no GPU"
    return f"{gpu_count} GPU{'s' if gpu_count > 1 else ''} {gpu_type.upper()}"


def price_words(price_per_hour_micros: int, currency: str) -> str:
    """Return the price with two decimals, or more where two would hide something.

    >>> price_words(100_000, "EUR"), price_words(2_500, "EUR"), price_words(0, "EUR")
    ('0.10 EUR/h', '0.0025 EUR/h', 'free of charge')
    """
    if not price_per_hour_micros:
        return "free of charge"
    whole, micros = divmod(price_per_hour_micros, 1_000_000)
    decimals = f"{micros:06d}".rstrip("0").ljust(2, "0")
    return f"{whole}.{decimals} {currency}/h"


def duration_words(seconds: int) -> str:
    """Return a duration with spaces, for sentences.

    >>> duration_words(1800), duration_words(28800), duration_words(5400), duration_words(45)
    ('30 min', '8 h', '1 h 30 min', '45 s')
    """
    out: list[str] = []
    rest = seconds
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            out.append(f"{count} {unit}")
    return " ".join(out[:2]) or "0 s"


def idle_words(idle_stop_s: int) -> str:
    """Return the idle rule as people say it.

    >>> idle_words(1800)
    'stops after 30 min without work'
    """
    return f"stops after {duration_words(idle_stop_s)} without work"


def max_session_words(max_session_s: int) -> str:
    """Return the end of a session as people say it.

    >>> max_session_words(28800)
    'ends after 8 h'
    """
    return f"ends after {duration_words(max_session_s)}"


def state_words(state_retention_s: int, *, keep_state: bool) -> str:
    """Return what becomes of variables as people say it.

    >>> state_words(7 * 86400, keep_state=True), state_words(7 * 86400, keep_state=False)
    ('kept for 7 d after a stop', 'lost at a stop')
    """
    return f"kept for {duration_words(state_retention_s)} after a stop" if keep_state else "lost at a stop"


def reach_words(
    allowed: Sequence[str],
    refused: Sequence[str],
    asked: Sequence[str] = (),
    index: str = "",
    *,
    internet: bool,
    dry_run: bool,
) -> str:
    """Return what the sessions of a profile may reach as a sentence. `index`: of packages, with a policy.

    >>> reach_words([], [], internet=False, dry_run=False)
    'No network: code reaches nothing outside its sandbox'
    >>> reach_words(["pypi.org", "*.bd"], [], internet=False, dry_run=False)
    'Reaches only pypi.org and *.bd'
    >>> reach_words(["pypi.org"], [], ["huggingface.co"], internet=False, dry_run=False)
    'Reaches only pypi.org. One may ask for huggingface.co'
    >>> reach_words([], [], index="https://pypi.org/simple", internet=False, dry_run=False)
    'Reaches only packages of https://pypi.org/simple'
    >>> reach_words(["db.acme.local:5432"], ["paste.bin"], internet=True, dry_run=True)
    'Reaches the public internet and db.acme.local:5432, but not paste.bin. On trial: nothing is refused yet'
    """
    allowed = [*allowed, *([f"packages of {index}"] if index else [])]
    if internet:
        said = f"Reaches the public internet{f' and {_listed(allowed)}' if allowed else ''}"
    elif allowed:
        said = f"Reaches only {_listed(allowed)}"
    else:
        said = _NOTHING
    if refused and (internet or allowed):
        said += f", but not {_listed(refused)}"
    if asked:
        said += f". One may ask for {_listed(asked)}"
    return f"{said}. On trial: nothing is refused yet" if dry_run else said


def no_reach_words() -> str:
    """Return that nothing can be reached."""
    return _NOTHING


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MOST_LISTED:
        return f"{', '.join(names[: _MOST_LISTED - 1])} and {len(names) - _MOST_LISTED + 1} more"
    return " and ".join(one for one in (", ".join(names[:-1]), names[-1]) if one)


def downloads_words(downloads: str) -> str:
    """Return what a profile says of downloads as a sentence; policies may be stricter."""
    return _DOWNLOADS.get(downloads, _DOWNLOADS["deny"])


def quarantine_words(*, quarantine: bool) -> str:
    """Return what a profile in quarantine is as a sentence, "" for any other."""
    return _QUARANTINE if quarantine else ""


def classification_words(classification: str) -> str:
    """Return a data classification as a phrase."""
    return _CLASSIFICATION[classification]
