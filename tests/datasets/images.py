"""Images made on the spot: good ones, and one of every kind of bad one."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin


def noise(seed: int = 0, height: int = 24, width: int = 32) -> Image.Image:
    """RGB noise, different for each seed."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def encode(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def write_image(path: Path, seed: int = 0, form: str = "PNG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(noise(seed), form))
    return path


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, depth: int, colour: int, pixels: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def wrong_checksum(png: bytes) -> bytes:
    """The PNG with one flipped bit in the checksum of its first IDAT chunk."""
    start = png.index(b"IDAT")
    length = struct.unpack(">I", png[start - 4 : start])[0]
    at = start + 4 + length
    return png[:at] + bytes([png[at] ^ 1]) + png[at + 1 :]


def png_bomb(side: int = 20_000) -> bytes:
    """A valid PNG of a few kilobytes with 400 million one-bit pixels."""
    return png_of(side, side, 1, 0, zlib.compress(bytes((side // 8 + 1) * side), 9))


def compressed_text_bomb() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 3_000_000, zip=True)
    return encode(noise(), "PNG", pnginfo=text)


def bad_files() -> dict[str, tuple[bytes, str]]:
    """File name -> (bytes that must fail to decode, words that its failure's message must contain)."""
    good = {form: encode(noise(), form) for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")}
    cut = {form: data[: len(data) * 3 // 5] for form, data in good.items()}
    progressive = encode(noise(), "JPEG", progressive=True)
    nothing_measured = np.full((8, 8), np.nan, dtype=np.float32)
    return {
        "empty.jpg": (b"", "empty"),
        "zeros.png": (bytes(500), "zero bytes"),
        "text.jpg": (b"this is not an image\n" * 20, "Not an image"),
        "random.jpg": (bytes(np.random.default_rng(1).integers(0, 256, 2000, dtype=np.uint8)), "Not an image"),
        "page.png": (b"\n<!DOCTYPE html><html><body>404</body></html>", "web page"),
        "error.jpg": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "web page"),
        "truncated.jpg": (cut["JPEG"], "JPEG"),
        "truncated_progressive.jpg": (progressive[:-40], "JPEG"),
        "zero_tail.jpg": (cut["JPEG"] + bytes(len(good["JPEG"]) - len(cut["JPEG"])), "JPEG"),
        "truncated.png": (cut["PNG"], "PNG"),
        "no_end.png": (good["PNG"][:-12], "PNG"),
        "truncated.webp": (cut["WEBP"], "WebP"),
        "truncated.gif": (cut["GIF"], "GIF"),
        "truncated.bmp": (cut["BMP"], "BMP"),
        "truncated.tif": (cut["TIFF"], "TIFF"),
        "truncated.avif": (cut["AVIF"], "AVIF"),
        "truncated.ppm": (cut["PPM"], "truncated"),
        "checksum.png": (wrong_checksum(good["PNG"]), "PNG"),
        "declares_too_much.png": (png_of(60_000, 60_000, 8, 2, zlib.compress(bytes(100))), "pixels"),
        "bomb.png": (png_bomb(), "pixels"),
        "bomb.gif": (good["GIF"][:6] + struct.pack("<HH", 65535, 65535) + good["GIF"][10:], "pixels"),
        "text_bomb.png": (compressed_text_bomb(), "PNG"),
        "header_only.jpg": (good["JPEG"][: good["JPEG"].index(b"\xff\xda")], "JPEG"),
        "depth.bmp": (good["BMP"][:28] + b"\x05\x75" + good["BMP"][30:], "BMP"),
        "document.jpg": (b"%PDF-1.7\n" + bytes(range(256)), "PDF"),
        "drawing.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "PostScript"),
        "drawing.png": (b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', "SVG"),
        "phone.jpg": (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
        "photo.heic": (b"\0\0\0\x18ftypmif1" + bytes(100), "HEIC"),
        "archive.png": (b"PK\3\4" + bytes(100), "zip archive"),
        "pointer.png": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        "icon.png": (encode(noise(), "ICO"), "icon"),
        "shop.jp2": (encode(noise(), "JPEG2000"), "JPEG 2000"),
        "pixel.gif": (encode(noise(height=1, width=1), "GIF"), "1 x 1"),
        "line.png": (encode(noise(height=1, width=40), "PNG"), "40 x 1"),
        "nan.tif": (encode(Image.fromarray(nothing_measured), "TIFF"), "floating-point"),
        "negative.tif": (encode(Image.fromarray(np.full((8, 8), -5, dtype=np.int32)), "TIFF"), "-5"),
    }


def bad_entries(folder: Path, outside: Path) -> dict[str, tuple[str, str]]:
    """Make entries that are no readable files. Entry name -> (stage, words of the failure's message)."""
    (folder / "folder.jpg").mkdir()
    (folder / "dangling.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "outside.jpg").symlink_to(write_image(outside / "secret.png"))
    (folder / "itself.jpg").symlink_to(folder / "itself.jpg")
    os.mkfifo(folder / "pipe.jpg")
    made = {
        "folder.jpg": ("scan", "folder with the name of an image"),
        "dangling.jpg": ("scan", "symlink is broken"),
        "outside.jpg": ("scan", "points outside the source"),
        "itself.jpg": ("scan", "symlink is broken"),
        "pipe.jpg": ("scan", "pipe"),
    }
    if os.geteuid() != 0:  # for root everything is readable
        write_image(folder / "locked.png").chmod(0)
        made["locked.png"] = ("read", "permission")
    return made
