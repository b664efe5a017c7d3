"""What went wrong with a connection to a server elsewhere, in words that hold nothing of what was sent."""

from __future__ import annotations

import ssl


def why_in_words(error: OSError) -> str:
    """Return what went wrong, to follow the name of the server or a colon."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionResetError() | BrokenPipeError():
            return "it closed the connection before everything was taken"
        case ssl.SSLError():
            return "TLS failed"
        case TimeoutError():
            return "it did not answer in time"
        case ConnectionRefusedError():
            return "it refused the connection"
        case _:
            return f"it cannot be reached ({error.strerror or 'no reason given'})"
