"""Pictures made anew: their pixels, and nothing that stood beside these (EXIF, comments)."""

from __future__ import annotations

import base64
import binascii
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MIMES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_MOST_PIXELS = 40_000_000
_MOST_BYTES = 40 * 2**20
_JPEG_QUALITY = 92
_PNG_MODES = frozenset({"1", "L", "LA", "RGB", "RGBA", "P", "I;16"})


def renewed(data: str | bytes) -> tuple[str, str] | None:
    """Return (mime, base64) of a picture with the same pixels; None for what is none, or is too large.

    JPEG stays JPEG; of what moves, the first picture is taken, as PNG. The same bytes for the same picture.
    """
    raw = data if isinstance(data, bytes) else _decoded(data)
    if raw is None or len(raw) > _MOST_BYTES:
        return None
    from PIL import Image, ImageOps  # noqa: PLC0415  most documents have no pictures

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    made = io.BytesIO()
    try:
        with Image.open(io.BytesIO(raw), formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            is_jpeg = image.format == "JPEG"
            image.load()
            bare = _bare(ImageOps.exif_transpose(image), is_jpeg=is_jpeg)
        if is_jpeg:
            bare.save(made, "JPEG", quality=_JPEG_QUALITY)
        else:
            bare.save(made, "PNG")
    except Exception:  # noqa: BLE001  decoders of pictures raise anything at all for a broken one
        return None
    return ("image/jpeg" if is_jpeg else "image/png"), base64.b64encode(made.getvalue()).decode("ascii")


def _bare(image: Image.Image, *, is_jpeg: bool) -> Image.Image:
    """Return a new image of the same pixels, with nothing in its `info`."""
    from PIL import Image  # noqa: PLC0415

    if is_jpeg:
        image = image if image.mode in {"L", "RGB"} else image.convert("RGB")
    elif "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode not in _PNG_MODES:
        image = image.convert("RGBA" if image.mode in {"PA", "La", "RGBa"} else "RGB")
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    palette = image.getpalette() if image.mode == "P" else None
    if palette is not None:
        bare.putpalette(palette)
    return bare


def _decoded(text: str) -> bytes | None:
    if len(text) > _MOST_BYTES * 4 // 3 + 2**20:
        return None
    try:
        return base64.b64decode("".join(text.split()) + "==")
    except (binascii.Error, ValueError):
        return None
