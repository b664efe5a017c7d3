"""The hosts under which browsers reach sessions: script in a notebook's output has its session's origin."""

from __future__ import annotations

# Names of people begin with a letter: a host that begins with this is nobody's. With the session's id it is
# one label of 24 characters (RFC 1035: 63 at most): the wildcard certificate of all sessions covers it.
_QUARANTINE = "0-q-"


def session_host(user: str, host: str, session_id: str, *, quarantine: bool) -> str:
    """Return the host of a session below the public one: its person's, or its own where it is in quarantine.

    What runs in a tab of the latter is no neighbour of the tabs of any other session then, nor of one that
    is started after it has stopped, while the tab lives on.

    >>> session_host("jane", "localhost:8000", "ses_06f3k2m9q1x8d4ztw7ha", quarantine=False)
    'jane.localhost:8000'
    >>> session_host("jane", "localhost:8000", "ses_06f3k2m9q1x8d4ztw7ha", quarantine=True)
    '0-q-06f3k2m9q1x8d4ztw7ha.localhost:8000'
    """
    # An underscore is in no name of a host (RFC 952): the part of an id that differs comes after it.
    return f"{_QUARANTINE}{session_id.rpartition('_')[2]}.{host}" if quarantine else f"{user}.{host}"
