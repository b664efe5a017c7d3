"""The licence that a package's metadata names, and whether it is one of those that are allowed. Pure."""

from __future__ import annotations

import re
from email.parser import BytesParser
from typing import TYPE_CHECKING

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_LONGEST = 1000
_PART = re.compile(r"[()]|[^\s()]+")
# Of the classifiers only those that mean one licence; "BSD License" is several, of which all are as free.
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Zope Public License": "ZPL-2.1",
    "The Unlicense (Unlicense)": "Unlicense",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
}


def licence_of(metadata: bytes) -> str:
    """Return the licence in core metadata as an SPDX expression; "" when it does not say one clearly.

    `License-Expression` (PEP 639) counts; then `License`, if it is an expression; then all classifiers.
    """
    told = BytesParser().parsebytes(metadata, headersonly=True)
    for field in ("License-Expression", "License"):
        if found := canonical(str(told.get(field) or "")):
            return found
    classifiers = [str(one).rpartition(" :: ")[2] for one in told.get_all("Classifier", [])
                   if str(one).startswith("License ::") and " :: " in str(one)]  # fmt: skip
    named = [one for one in classifiers if one != "OSI Approved"]
    if not named or any(one not in _CLASSIFIERS for one in named):
        return ""
    return " AND ".join(dict.fromkeys(_CLASSIFIERS[one] for one in named))


def canonical(text: str) -> str:
    """Return an SPDX expression in its one form; "" for what is none."""
    try:
        return str(canonicalize_license_expression(text)) if 0 < len(text) <= _LONGEST else ""
    except InvalidLicenseExpression:
        return ""


def is_allowed(expression: str, allowed: Collection[str]) -> bool:
    """Tell whether an expression can be met with allowed licences: of `OR` one, of `AND` all."""
    return bool(expression) and _either(iter([*_PART.findall(expression), ")"]), allowed)


def _either(parts: Iterator[str], allowed: Collection[str]) -> bool:
    """Judge until the closing parenthesis; `AND` binds closer than `OR`."""
    found, all_of, name = False, True, ""
    for part in parts:
        if part == "(":
            all_of = _either(parts, allowed) and all_of
        elif part in {"AND", "OR", ")"}:
            all_of = all_of and (not name or name in allowed)
            name = ""
            if part != "AND":
                found, all_of = found or all_of, True
            if part == ")":
                return found
        else:
            name = f"{name} {part}".strip()  # `WITH` and its exception belong to the name
    return False
