"""Recognise content by its bytes: for clear error messages, and for damage that decoders do not report."""

from __future__ import annotations

#: First bytes of the supported formats.
_SUPPORTED = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)

#: First bytes of unsupported content that has image names, and what to do about it.
_FOREIGN = (
    (b"%PDF", "a PDF document", "export its pages as PNG"),
    (b"%!PS", "a PostScript drawing", "export it as PNG"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript drawing", "export it as PNG"),
    (b"8BPS", "a Photoshop document", "export it as PNG"),
    (b"\0\0\1\0", "a Windows icon", "convert it to PNG"),
    (b"\0\0\2\0", "a Windows cursor", "convert it to PNG"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image", "convert it to PNG"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image", "convert it to PNG"),
    (b"\xff\x0a", "a JPEG XL image", "convert it to PNG"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image", "convert it to PNG"),
    (b"qoif", "a QOI image", "convert it to PNG"),
    (b"DDS ", "a DirectDraw texture", "convert it to PNG"),
    (b"icns", "a macOS icon", "convert it to PNG"),
    (b"SIMPLE  =", "a FITS file", "convert it to 16-bit PNG"),
    (b"\x89HDF", "an HDF5 file", "export its images as PNG"),
    (b"PK\3\4", "a zip archive", "add it as a dataset of its own, or unpack it"),
    (b"\x1f\x8b", "gzip-compressed data", "unpack it"),
    (b"version https://git-lfs", "a Git LFS pointer, not the image itself", "run `git lfs pull`"),
)

#: Extensions that training tools recognise, by format; for the PNM family by first bytes.
_SUFFIXES = {
    "JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif", "AVIF": ".avif",
}  # fmt: skip
_PNM_SUFFIXES = {
    b"P1": ".ppm", b"P2": ".pgm", b"P3": ".ppm", b"P4": ".ppm", b"P5": ".pgm", b"P6": ".ppm", b"Pf": ".ppm",
    b"PF": ".ppm",
}  # fmt: skip

#: Number of first bytes that identify the format.
SIGNATURE_BYTES = 16

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis")


def format_of(data: bytes) -> str | None:
    """Return the name of the supported format that the first bytes match, or None."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "AVIF"
    return next((name for start, name in _SUPPORTED if data.startswith(start)), None)


def suffix_of_content(data: bytes) -> str | None:
    """Return the extension for a file with these bytes, from its format and not its name; None if unknown."""
    name = format_of(data)
    return _SUFFIXES[name] if name is not None else _PNM_SUFFIXES.get(data[:2])


def foreign_content(data: bytes) -> str | None:
    """Name the content, and what to do, if the bytes are a known format that is not a supported image; else None."""
    if not data.strip(b"\0"):
        return "The file contains only zero bytes, probably from an unfinished copy: copy or download it again."
    beginning = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in beginning:
        return "The file is an SVG drawing: export it as PNG."
    if beginning.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        return (
            "The file is a web page or XML text, probably an error page saved instead of the image: download it again."
        )
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "The file is an HEIC image, which is not supported: convert it to JPEG or PNG."
    return next((f"The file is {what}: {remedy}." for start, what, remedy in _FOREIGN if data.startswith(start)), None)


def jpeg_has_end(data: bytes) -> bool:
    """Return whether a JPEG's pixel data is followed by its end marker.

    A download that stopped may have the right size and zeros for the rest, which decode to grey without an error.
    Pixel data never contains the end marker; thumbnails in earlier segments do, so those are skipped.
    """
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xDA:
            return data.find(b"\xff\xd9", position) >= 0
        is_padding, has_no_length = marker == 0xFF, marker == 0x01 or 0xD0 <= marker <= 0xD8
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        position += 1 if is_padding else 2 if has_no_length else 2 + length
    return data.rfind(b"\xff\xd9") > 0
