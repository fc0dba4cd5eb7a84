"""The stated treatment of every colour mode, and that a partial image never passes for a whole one."""

import io
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from jepascore_core.datasets.decoding import MAX_PIXELS, decode, decode_noted, supported_formats
from jepascore_core.errors import SampleError
from tests.datasets.images import encode, noise, png_bomb

RGB = np.asarray(noise())
ENCODED = {
    "jpeg": encode(noise(), "JPEG"),
    "progressive": encode(noise(), "JPEG", progressive=True),
    "png": encode(noise(), "PNG"),
    "gif": encode(noise().quantize(16), "GIF"),
    "bmp": encode(noise(), "BMP"),
    "tiff": encode(noise(), "TIFF"),
    "tiff_lzw": encode(noise(), "TIFF", compression="tiff_lzw"),
    "webp": encode(noise(), "WEBP"),
    "webp_lossless": encode(noise(), "WEBP", lossless=True),
    "avif": encode(noise(), "AVIF"),
    "ppm": encode(noise(), "PPM"),
    "animated_gif": encode(noise().quantize(16), "GIF", save_all=True, append_images=[noise(1).quantize(16)]),
    "animated_webp": encode(noise(), "WEBP", save_all=True, append_images=[noise(1)]),
    "animated_png": encode(noise(), "PNG", save_all=True, append_images=[noise(1)]),
}
GREY = np.asarray(noise().convert("L"))


def pixels(image: Image.Image, form: str = "PNG", **options: object) -> np.ndarray:
    decoded = decode(encode(image, form, **options))
    assert decoded.mode == "RGB"
    return np.asarray(decoded)


def test_every_allowed_format_is_there():
    assert set(supported_formats()) >= {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"}
    assert not set(supported_formats()) & {"EPS", "WMF", "PSD", "ICNS", "FLI"}


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_rgb_is_untouched(form: str):
    decoded = decode_noted(encode(noise(), form))
    np.testing.assert_array_equal(np.asarray(decoded.image), RGB)
    assert decoded.note == ""


def test_greyscale_becomes_three_equal_channels():
    np.testing.assert_array_equal(pixels(noise().convert("L")), np.repeat(GREY[..., None], 3, axis=2))


def test_one_bit_becomes_black_and_white():
    bits = noise().convert("1")
    np.testing.assert_array_equal(pixels(bits)[..., 0], np.asarray(bits) * np.uint8(255))


def test_palette_becomes_its_colours():
    image = noise().quantize(16)
    np.testing.assert_array_equal(pixels(image), np.asarray(image.convert("RGB")))


def test_a_transparent_palette_colour_becomes_white():
    image = noise().quantize(16)
    decoded = decode_noted(encode(image, "PNG", transparency=3))
    hidden = np.asarray(image) == 3
    assert hidden.any()
    assert (np.asarray(decoded.image)[hidden] == 255).all()
    np.testing.assert_array_equal(np.asarray(decoded.image)[~hidden], np.asarray(image.convert("RGB"))[~hidden])
    assert "white" in decoded.note


def test_alpha_is_composited_over_white():
    rgba = np.dstack([RGB, np.broadcast_to(np.arange(32, dtype=np.uint8) * 8, (24, 32))])
    alpha = rgba[..., 3:].astype(float) / 255
    expected = RGB * alpha + 255 * (1 - alpha)
    assert np.abs(pixels(Image.fromarray(rgba)) - expected).max() <= 1


def test_grey_with_alpha_is_composited_over_white():
    la = np.dstack([GREY, np.zeros_like(GREY)])
    assert (pixels(Image.fromarray(la, "LA")) == 255).all()


def test_an_opaque_alpha_channel_changes_and_notes_nothing():
    decoded = decode_noted(encode(noise().convert("RGBA"), "PNG"))
    np.testing.assert_array_equal(np.asarray(decoded.image), RGB)
    assert decoded.note == ""


def test_cmyk_keeps_its_colours_though_adobe_stores_them_inverted():
    orange = Image.new("RGB", (16, 16), (250, 120, 20))
    for form in ("JPEG", "TIFF"):
        decoded = decode_noted(encode(orange.convert("CMYK"), form))
        assert np.abs(np.asarray(decoded.image).astype(int) - (250, 120, 20)).max() <= 6
        assert "CMYK" in decoded.note


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(form: str):
    deep = np.linspace(0, 65535, 24 * 32).reshape(24, 32).astype(np.uint16)
    decoded = decode_noted(encode(Image.fromarray(deep), form))
    assert np.abs(np.asarray(decoded.image)[..., 0] - deep / 257.0).max() <= 0.51
    assert "65535" in decoded.note


def test_big_endian_sixteen_bits_are_scaled_too():
    deep = np.linspace(0, 65535, 24 * 32).reshape(24, 32).astype(np.uint16)
    data = b"P5\n32 24\n65535\n" + deep.astype(">u2").tobytes()
    assert np.abs(np.asarray(decode(data))[..., 0] - deep / 257.0).max() <= 0.51


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_floating_point_is_scaled_by_the_range_that_holds_it(top: float):
    values = np.linspace(0, top, 24 * 32, dtype=np.float32).reshape(24, 32)
    decoded = decode_noted(encode(Image.fromarray(values), "TIFF"))
    assert np.abs(np.asarray(decoded.image)[..., 0] - values / top * 255).max() <= 0.51
    assert f"{top:g}" in decoded.note


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(orientation: int, form: str):
    upright = Image.new("RGB", (48, 32), "white")
    upright.paste("red", (0, 0, 24, 16))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transpose that undoes each orientation
    stored = upright.transpose(Image.Transpose(back[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(encode(stored, form, exif=exif))
    assert decoded.size == upright.size
    red, white = np.asarray(decoded)[4, 4].astype(int), np.asarray(decoded)[28, 44].astype(int)
    assert red[0] > 200 > 80 > red[1]
    assert white.min() > 200


def test_an_impossible_orientation_counts_as_upright():
    exif = Image.Exif()
    exif[0x0112] = 77
    assert decode(encode(noise(), "JPEG", exif=exif)).size == (32, 24)


def test_a_broken_exif_block_does_not_cost_the_image():
    data = ENCODED["jpeg"]
    block = b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(20)
    assert decode(data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]).size == (32, 24)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_frame_stands_for_an_animation_and_a_note_says_so(form: str):
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "lime", "blue")]
    decoded = decode_noted(encode(frames[0], form, save_all=True, append_images=frames[1:]))
    assert np.abs(np.asarray(decoded.image).astype(int) - (255, 0, 0)).max() <= 12
    assert "first of several" in decoded.note


def test_the_image_carries_nothing_but_pixels():
    exif = Image.Exif()
    exif[0x010E] = "a description"
    image = decode(encode(noise(), "JPEG", exif=exif, icc_profile=b"profile", comment=b"words"))
    assert image.info == {}
    assert not image.getexif()


def test_limits_on_size_are_the_callers():
    data = encode(noise(height=40, width=50), "PNG")
    assert decode(data, max_pixels=2000).size == (50, 40)
    with pytest.raises(SampleError, match="50 x 40"):
        decode(data, max_pixels=1999)
    with pytest.raises(SampleError, match="50 x 40"):
        decode(data, min_side=41)


def test_our_pixel_limit_holds_even_if_pillows_is_switched_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(SampleError, match=str(MAX_PIXELS)):
        decode(png_bomb())


@pytest.mark.parametrize("form", ["jpeg", "png", "gif", "bmp", "tiff", "ppm"])
def test_a_truncated_image_stays_an_error_if_another_library_wants_grey_pixels(
    monkeypatch: pytest.MonkeyPatch, form: str
):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(SampleError):
        decode(ENCODED[form][:-100])


def test_warnings_are_silenced_while_decoding_and_only_then(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)  # Pillow warns of more than this, and refuses twice as many
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        threads = [threading.Thread(target=lambda: [decode(ENCODED["png"]) for _ in range(30)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert warnings.filters == before
        assert not caught
        Image.open(io.BytesIO(ENCODED["png"]))
        assert [item.category for item in caught] == [Image.DecompressionBombWarning]


def test_decoding_is_the_same_from_many_threads():
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(decode(ENCODED["jpeg"]).tobytes())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 16
    assert len(set(results)) == 1


@pytest.mark.parametrize("form", ENCODED)
@settings(max_examples=25, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_an_error_or_loses_no_pixel(form: str, share: float):
    data = ENCODED[form]
    whole = decode(data).tobytes()
    try:
        assert decode(data[: int(share * len(data))]).tobytes() == whole
    except SampleError as error:
        assert error.stage == "decode"


@pytest.mark.parametrize("form", ENCODED)
@settings(max_examples=25, deadline=None)
@given(damage=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_bytes_give_an_image_or_a_decode_error_and_nothing_else(form: str, damage: list[tuple[int, int]]):
    data = bytearray(ENCODED[form])
    for position, value in damage:
        data[position % len(data)] = value
    try:
        assert decode(bytes(data), max_pixels=1_000_000).mode == "RGB"
    except SampleError as error:
        assert error.stage == "decode"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_decode_error(data: bytes):
    with pytest.raises(SampleError) as caught:
        decode(data)
    assert caught.value.stage == "decode"
