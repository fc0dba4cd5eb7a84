"""What lies in a folder, by name: images, folders, symlinks and what is passed over."""

from __future__ import annotations

#: Names of files that we expect to decode.
IMAGE_EXTENSIONS = frozenset(
    """
    .jpg .jpeg .jpe .jfif .mpo .png .apng .webp .gif .bmp .tif .tiff .avif .ppm .pgm .pbm .pnm .pfm
    """.split()  # noqa: SIM905 - forty quoted names are not easier to read
)

#: Names of images in formats that we do not decode: their owner hears of them as failures, instead of missing them.
FOREIGN_EXTENSIONS = frozenset(
    """
    .heic .heif .jp2 .j2k .jpf .jpx .jxl .psd .xcf .tga .ico .cur .icns .dib .svg .eps .wmf .emf .dds .qoi .pcx .sgi
    .xbm .xpm .exr .hdr .fits .dng .cr2 .cr3 .nef .arw .orf .rw2 .raf
    """.split()  # noqa: SIM905
)

_SKIPPED_FOLDERS = frozenset(("__MACOSX",))


def extension(name: str) -> str:
    """Lower-case extension with its dot, or ""."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def has_image_name(name: str) -> bool:
    """Whether the name says that the file is an image."""
    found = extension(name)
    return found in IMAGE_EXTENSIONS or found in FOREIGN_EXTENSIONS


def is_skipped(name: str) -> bool:
    """Whether an entry is passed over without a word: hidden files and archive leftovers."""
    return name.startswith(".") or name in _SKIPPED_FOLDERS
