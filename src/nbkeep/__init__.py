"""nbkeep: a governed notebook environment (the control plane)."""


def version() -> str:
    """Return the installed version, such as 0.1.0."""
    from importlib.metadata import version as installed  # noqa: PLC0415  40 ms, which each command would wait

    return installed("nbkeep")
