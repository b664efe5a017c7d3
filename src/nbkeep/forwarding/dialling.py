"""Finding the address of a destination, and trusting its certificate."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from typing import TYPE_CHECKING

from nbkeep.connecting import why_in_words
from nbkeep.model.errors import Unavailable

from .rules import check_address, literal

if TYPE_CHECKING:
    from .rules import Place

CONNECT_S = 10.0
WHOLE_S = 30.0  # one delivery, from connecting to the answer


def address_of(place: Place, allowed: tuple[str, ...]) -> str:
    """Return the address to connect to: checked after the look-up, and there is no second one.

    Raises `Unavailable` for a name that is not found, `Refused` (403) for an address that may not be.
    """
    found = literal(place.host)
    if found is None:
        try:
            answers = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise failed("its name is not found") from error
        # The first alone would leave it to the name's owner which one that is.
        addresses = [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]
    else:
        addresses = [found]
    for address in addresses:
        check_address(place, address, allowed)
    return str(addresses[0])


def trust(ca_file: str) -> ssl.SSLContext:
    """Return what proves a server's name to us: the system's authorities, or those of the file alone."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise failed("the file of certificates that it is trusted by cannot be read") from error


def failed(why: str) -> Unavailable:
    """Return the failure of a delivery: words for people, with nothing of what was sent."""
    return Unavailable("not-delivered", f"Not delivered: {why}.", "It is tried again.")


def in_words(error: OSError) -> Unavailable:
    """Return what went wrong with a connection."""
    return failed(why_in_words(error))
