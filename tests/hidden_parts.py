"""The ways in which somebody may hide a key in a text, so that a search for it does not see it."""

from __future__ import annotations

import base64
import binascii
import json
import zlib

from scan_parts import KEY

B64 = base64.b64encode(KEY.encode()).decode()
LONG = base64.encodebytes(
    f"some words before it, then {KEY}, and words behind it to fill lines".encode()
).decode()

ZLIB = base64.b64encode(zlib.compress(f"{KEY} and words".encode())).decode()

SOURCES = {
    "two strings": f'k = "{KEY[:7]}" + "{KEY[7:]}"',
    "side by side": f'k = "{KEY[:7]}" \'{KEY[7:]}\'',
    "over lines": f'k = ("{KEY[:7]}"\n     "{KEY[7:]}")',
    "over lines with +": f'k = ("{KEY[:7]}" +\n     "{KEY[7:]}")',
    "backslash": f'k = "{KEY[:7]}" + \\\n  "{KEY[7:]}"',
    "a continued line": f"export K={KEY[:7]}\\\n{KEY[7:]}",
    "list items": 'k = "".join([' + ", ".join(f'"{char}"' for char in KEY) + "])",
    "list items later": f'p = ["{KEY[:5]}", "{KEY[5:]}"]\nk = "".join(p)',
    "in R": f'k <- paste0("{KEY[:5]}", "{KEY[5:]}")',
    "in SQL": f"select '{KEY[:5]}' || '{KEY[5:]}'",
    "f-strings": f'k = f"{KEY[:5]}" f"{KEY[5:]}"',
    "base64": f'k = b64decode("{B64}")',
    "base64 for addresses": "k = '" + base64.urlsafe_b64encode(f"??>>{KEY}".encode()).decode() + "'",
    "base64 twice": f'k = "{base64.b64encode(B64.encode()).decode()}"',
    "base64 over lines": f'k = """\n{LONG}"""',
    "base64 over strings": f'k = ("{B64[:12]}"\n  "{B64[12:]}")',
    "base64 of zlib": f'k = "{ZLIB}"',
    "base64 of UTF-16": f'powershell -enc {base64.b64encode(KEY.encode("utf-16-le")).decode()}',
    "hex": f'k = bytes.fromhex("{binascii.hexlify(KEY.encode()).decode()}")',
    "hex with blanks": f'k = bytes.fromhex("{KEY.encode().hex(" ")}")',
    "hex with colons": f'k = "{KEY.encode().hex(":")}"',
    "a comment between": f'k = ("{KEY[:7]}"  # the first half\n     "{KEY[7:]}")',
    "a comment in C": f'k = "{KEY[:7]}" /* more */ "{KEY[7:]}";',
    "a link of a terminal": f"{KEY[:7]}\x1b]8;;https://a\x1b\\{KEY[7:]}",
    "a title of a terminal": f"{KEY[:7]}\x1b]0;x\x07{KEY[7:]}",
    "other commands of a terminal": f"{KEY[:7]}\x1b(B\x0e\x0f{KEY[7:]}",
    "hex escapes": "k = '" + "".join(f"\\x{ord(char):02x}" for char in KEY) + "'",
    "unicode escapes": "k = '" + "".join(f"\\u{ord(char):04x}" for char in KEY) + "'",
    "octal escapes": "k = '" + "".join(f"\\{ord(char):03o}" for char in KEY) + "'",
    "one escape": f"k = 'AK\\x49A{KEY[4:]}'",
    "percent": "u = 'https://a/?k=" + "".join(f"%{ord(char):02X}" for char in KEY) + "'",
    "entities": "".join(f"&#{ord(char)};" for char in KEY),
    "char codes": f"k = bytes([{', '.join(str(ord(char)) for char in KEY)}])",
    "chr": "k = " + " + ".join(f"chr({ord(char)})" for char in KEY),
    "zero width": f"k = '{KEY[:6]}\u200b{KEY[6:]}'",
    "soft hyphen": f"k = '{KEY[:6]}\u00ad\u2060{KEY[6:]}'",
    "right to left mark": f"k = '{KEY[:6]}\u202e{KEY[6:]}'",
    "control characters": f"k = '{KEY[:6]}\x00\x08{KEY[6:]}'",
    "wide letters": "k = '" + "".join(chr(ord(char) + 0xFEE0) for char in KEY) + "'",
    "Cyrillic A": f"k = '\u0410KI\u0410{KEY[4:]}'",
    "tag characters": "hello" + "".join(chr(0xE0000 + ord(char)) for char in f" {KEY}"),
    "a tag within": f"{KEY[:6]}<b></b>{KEY[6:]}",
    "a comment within": f"{KEY[:6]}<!-- x -->{KEY[6:]}",
    "JSON in a string": json.dumps(json.dumps({"k": f"\u00e4 {KEY}"})),
}  # fmt: skip
