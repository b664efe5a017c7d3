"""The document as text: YAML for people, or JSON. What is no configuration is refused in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import yaml

from nbkeep.model.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

API_VERSION = "nbkeep/v1"
KIND = "Configuration"
_LARGEST_CHARS = 4 << 20
# Far deeper than a configuration is. libyaml reads by recursion, and its stack has no check: deeper than it
# holds, it ends the process.
_DEEPEST = 50
# The same safe values, by libyaml where PyYAML was built with it: several times as fast.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BEGIN = (
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
)
_END = (yaml.BlockEndToken, yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)


def as_yaml(document: Mapping[str, Any]) -> str:
    """Return a document as YAML that people can edit."""
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100)


def read(text: str, sections: Collection[str]) -> dict[str, Any]:
    """Return the document in a text of YAML or JSON; raise `Refused` (400) for anything else."""
    if len(text) > _LARGEST_CHARS:
        raise invalid("document", "The document is larger than 4 MiB.", "Is it the right file?")
    try:
        _check_tokens(text)
        document = yaml.load(text, Loader=_Loader)  # noqa: S506  either is a safe one
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        # The last three: PyYAML's own faults, such as for `!!bool x`.
        where = str(error).replace("\n", " ")[:300]
        raise invalid("document", f"The document cannot be read: {where}", "Correct it.") from error
    found = mapping("document", document)
    if found.get("apiVersion") != API_VERSION or found.get("kind") != KIND:
        raise invalid(
            "document",
            f"The document is not a {KIND} of {API_VERSION}.",
            f"Begin it with `apiVersion: {API_VERSION}` and `kind: {KIND}`.",
        )
    unknown = sorted(set(found) - {"apiVersion", "kind", *sections})
    if unknown:
        raise invalid(
            "document",
            f"Unknown sections: {', '.join(map(str, unknown))}.",
            f"Sections: {', '.join(sections)}.",
        )
    return found


def _check_tokens(text: str) -> None:
    """Raise `Refused` (400) for what is not read at all."""
    depth = 0
    for token in yaml.scan(text, Loader=_Loader):
        # Aliases are refused: a few lines of them can unfold into gigabytes.
        if isinstance(token, yaml.AliasToken):
            raise invalid("document", "The document uses YAML aliases (*name).", "Write values out.")
        depth += isinstance(token, _BEGIN) - isinstance(token, _END)
        if depth > _DEEPEST:
            raise invalid("document", f"The document is nested more than {_DEEPEST} deep.", "Flatten it.")


def entries(document: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]] | None:
    """Return {name: entry} of a section, or None where the document does not have it."""
    if section not in document:
        return None
    listed = document[section]
    if not isinstance(listed, list):
        raise invalid(section, f"{section} must be a list.", "Write one `- name: …` entry for each.")
    found: dict[str, Mapping[str, Any]] = {}
    for entry in cast("list[Any]", listed):
        values = mapping(section, entry)
        name = values.get("name")
        if not isinstance(name, str):
            raise invalid(section, f"An entry of {section} has no name.", "Give each entry a name.")
        if name in found:
            raise invalid(section, f"{section} names {name!r} twice.", "Keep one of them.")
        found[name] = values
    return found


def mapping(what: str, value: Any) -> dict[str, Any]:
    """Return a value that has fields; raise `Refused` (400) for anything else."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in cast("dict[Any, Any]", value)):
        raise invalid(what, f"{what}: expected fields with values.", "Compare with `nbkeep export`.")
    return cast("dict[str, Any]", value)
