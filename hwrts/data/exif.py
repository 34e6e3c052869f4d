"""What a picture says of itself besides its pixels: EXIF and resolution, read to be written again.

Kept are the tags that speak of the photograph: who, when, with what, where. Not those on how its numbers lie
in the file it came from, nor the thumbnail, which would show the picture as it was before. The orientation is
not kept either, for pixels are read upright: a reader that turned them again would show them lying.
"""

from typing import Any

from PIL import ExifTags, Image

Tags = dict[int, Any]
"""Tag -> value; of the two directories (Exif, GPS) a dictionary of the same kind."""

_DESCRIPTION, _MAKE, _MODEL, _SOFTWARE, _TIME, _ARTIST, _COPYRIGHT = 270, 271, 272, 305, 306, 315, 33432
_KEPT = (_DESCRIPTION, _MAKE, _MODEL, _SOFTWARE, _TIME, _ARTIST, _COPYRIGHT)
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_INCH, _CENTIMETRE = 2, 3
_WIDTH, _HEIGHT = 0xA002, 0xA003  # of the picture, in the Exif directory

_EXIF, _GPS, _INTEROPERABILITY = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop


def read_exif(image: Image.Image) -> Tags:
    """The tags to keep of a picture; empty if there are none.

    Raises:
        ValueError: They are damaged.
    """
    try:
        exif = image.getexif()
        tags: Tags = {tag: exif[tag] for tag in _KEPT if tag in exif}
        for directory in (_EXIF, _GPS):
            if entries := dict(exif.get_ifd(directory)):
                tags[directory] = entries
        if _INTEROPERABILITY in tags.get(_EXIF, {}):
            tags[_EXIF][_INTEROPERABILITY] = dict(exif.get_ifd(_INTEROPERABILITY))
        if tags:
            exif_bytes(tags, 1, 1, None)
        return tags
    except Exception as error:  # Pillow raises nearly anything on damaged tags
        raise ValueError("damaged EXIF") from error


def read_dpi(image: Image.Image) -> tuple[float, float] | None:
    """Pixels per inch across and down, as the file or its EXIF says; None if neither does."""
    dpi = image.info.get("dpi")
    if dpi is None:
        try:
            exif = image.getexif()
            unit = {_INCH: 1.0, _CENTIMETRE: 2.54}[exif[_RESOLUTION_UNIT]]
            dpi = exif[_X_RESOLUTION] * unit, exif[_Y_RESOLUTION] * unit
        except Exception:  # no such tags, or damaged ones, which say nothing
            return None
    try:
        across, down = float(dpi[0]), float(dpi[1])
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return None
    # Files that say 0 or 1 mean that they do not know; a field of PNG ends before 10^8
    return (across, down) if 1 < across < 1e6 and 1 < down < 1e6 else None


def full_tags(tags: Tags, width: int, height: int, dpi: tuple[float, float] | None) -> Tags:
    """The tags for a picture of another size: with its width and height, and the resolution."""
    result: Tags = {tag: dict(value) if isinstance(value, dict) else value for tag, value in tags.items()}
    for tag, side in ((_WIDTH, width), (_HEIGHT, height)):
        if tag in result.get(_EXIF, {}):
            result[_EXIF][tag] = side
    if dpi is not None:
        result |= {_X_RESOLUTION: dpi[0], _Y_RESOLUTION: dpi[1], _RESOLUTION_UNIT: _INCH}
    return result


def exif_bytes(tags: Tags, width: int, height: int, dpi: tuple[float, float] | None) -> bytes:
    """EXIF as JPEG and WebP hold it (with the six bytes of its name), for a picture of that size."""
    exif = Image.Exif()
    for tag, value in full_tags(tags, width, height, dpi).items():
        if isinstance(value, dict):
            exif.get_ifd(tag).update(value)
        else:
            exif[tag] = value
    return exif.tobytes()
