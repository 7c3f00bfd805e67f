"""Names what was sent for an image by its first bytes; nothing is decoded."""

import re

# By how they begin. What comes first wins.
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II\xbc\x01", "a JPEG XR image"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"8BPS", "a Photoshop image"),
    (b"gimp xcf", "a GIMP image"),
    (b"\x00\x00\x01\x00", "an icon (ICO)"),
    (b"\x00\x00\x02\x00", "a cursor (CUR)"),
    (b"icns", "an icon (ICNS)"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"%PDF-", "a PDF document"),
    (b"DDS ", "a DDS image"),
    (b"v/1\x01", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance HDR image"),
    (b"SIMPLE  =", "a FITS image"),
    (b"\xd7\xcd\xc6\x9a", "a WMF image"),
    (b"IIU\x00", "a camera's raw image"),
    (b"IIRO", "a camera's raw image"),
    (b"IIRS", "a camera's raw image"),
    (b"MMOR", "a camera's raw image"),
    (b"FUJIFILMCCD-RAW", "a camera's raw image"),
    (b"\x1aE\xdf\xa3", "a video (Matroska or WebM)"),
    (b"\x00\x00\x01\xba", "a video (MPEG)"),
    (b"\x93NUMPY", "a file of numpy's"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
)
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_RIFF = {b"WEBP": "a WEBP image", b"AVI ": "a video (AVI)", b"WAVE": "sound (WAV)"}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# How encoded images begin in base64.
_BASE64 = re.compile(rb"\s*(data:image/|iVBORw0KGgo|/9j/|R0lGOD|UklGR|Qk[0-9A-Za-z+/]{20})")
_SVG, _MARKUP = re.compile(rb"<svg[\s>]", re.IGNORECASE), re.compile(rb"\s*<(!|\?|html)", re.I)
_NETPBM = re.compile(rb"P[1-7fF]\s")
_LOOKED_AT = 512


def format_name(data: bytes) -> str | None:
    """Name what bytes are, with its article: "a JPEG 2000 image"; None where that is not known."""
    head = data[:_LOOKED_AT]
    if not head:
        return "no bytes at all"
    known = next((name for beginning, name in _BEGINNINGS if head.startswith(beginning)), None)
    return known or _container(head) or _text(head)


def _container(head: bytes) -> str | None:
    """Name formats that many others share their first bytes with."""
    if head.startswith(_TIFF):
        return "a camera's raw image" if head[8:10] == b"CR" else "a TIFF image"
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], "a RIFF file")
    if head[4:8] == b"ftyp":
        return _of_brands(head[8:64])
    if head[128:132] == b"DICM":
        return "a DICOM image"
    if head.startswith(b"BM") and head[6:10] == b"\x00" * 4:
        return "a BMP image"
    return "a Netpbm image" if _NETPBM.match(head) else None


def _of_brands(brands: bytes) -> str:
    if b"avif" in brands or b"avis" in brands:
        return "an AVIF image"
    if brands.startswith(_HEIC):
        return "a HEIC image"
    return "a camera's raw image" if brands.startswith(b"crx ") else "a video (MP4 or QuickTime)"


def _text(head: bytes) -> str | None:
    if _BASE64.match(head):
        return "base64 text and not the bytes that it stands for"
    try:
        # The last character may be cut.
        text = head.decode("utf-8", "strict" if len(head) < _LOOKED_AT else "ignore")
    except UnicodeDecodeError:
        return None
    if not all(one.isprintable() or one.isspace() for one in text):
        return None
    if _SVG.search(head):
        return "an SVG drawing"
    if _MARKUP.match(head):
        return "HTML or XML"
    return "JSON" if text.lstrip().startswith(("{", "[")) else "text"
