"""Documents that people made are no pages of this site: what browsers are told, so that none acts as one."""

from __future__ import annotations

# In a frame, or opened by itself: no script, no form, nothing loaded, an origin of its own.
_SANDBOX = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "form-action 'none'; base-uri 'none'"
)


def headers_of_document(framed_by: str = "'none'") -> dict[str, str]:
    """Return the headers with which a document is given. `framed_by`: the origin whose pages may frame it.

    Not 'self': what that means for a document without an origin, browsers do not agree upon.
    """
    return {
        "content-security-policy": f"{_SANDBOX}; frame-ancestors {framed_by}",
        "referrer-policy": "no-referrer",
    }
