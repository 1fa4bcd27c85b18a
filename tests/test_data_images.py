"""Image files come out as a person sees them, whatever their mode, and in the size that is asked for."""

import io
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from arcane.data import decoding
from arcane.data.images import fit_image, image_header, read_image
from arcane.errors import UserError

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
COLOUR = np.stack([GREY, GREY // 2, 255 - GREY], axis=2)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif", "webp"])
def test_lossless_files_give_the_pixels_back(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(GREY).save(path, **options)
    assert (read_image(path)[:, :, 0] == GREY).all()
    if suffix != "gif":
        Image.fromarray(COLOUR).save(path, **options)
        assert (read_image(path) == COLOUR).all()


def test_exif_orientation_is_applied_and_the_header_agrees(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter, clockwise
    Image.fromarray(COLOUR).save(tmp_path / "x.png", exif=exif)
    assert image_header(tmp_path / "x.png") == (8, 6, False)
    assert (read_image(tmp_path / "x.png") == np.rot90(COLOUR, -1)).all()


def test_transparent_becomes_white_and_16_bit_keeps_its_upper_half(tmp_path):
    Image.fromarray(np.zeros((2, 2, 4), np.uint8)).save(tmp_path / "clear.png")
    assert (read_image(tmp_path / "clear.png") == 255).all()
    Image.fromarray(np.full((2, 2), 0x7F01, np.uint16)).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png").tolist() == [[[0x7F], [0x7F]]] * 2
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "real.tif")
    with pytest.raises(UserError, match=r"real\.tif: 32-bit"):
        read_image(tmp_path / "real.tif")


@pytest.mark.parametrize("limit", [40, 20], ids=["Pillow warns", "Pillow raises"])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch, recwarn, limit):
    Image.fromarray(GREY).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    for read in (read_image, image_header):
        with pytest.raises(UserError, match=f"x.png: more than {limit} pixels"):
            read(tmp_path / "x.png")
    outcome = next(decoding.decoded(tmp_path, ["x.png"], (1, 4, 4)))
    assert isinstance(outcome, UserError) and "more than" in str(outcome)


def test_a_png_of_a_few_bytes_that_says_it_is_huge(tmp_path, recwarn):
    small = io.BytesIO()
    Image.fromarray(GREY).save(small, "png")
    content = bytearray(small.getvalue())
    content[16:24] = (50_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UserError, match=r"more than [\d,]+ pixels"):
        read_image(tmp_path / "x.png")
    assert not recwarn.list


SMOOTH = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
FORMATS = ("png", "jpeg", "gif", "tiff", "bmp", "webp")


def encoded(form: str, image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("form", ["png", "jpeg"])
@pytest.mark.parametrize("image", [SMOOTH, np.stack([SMOOTH] * 3, 2)], ids=["grey", "colour"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, form, image):
    whole = encoded(form, image)
    # What a PNG has after its pixels (the end mark of 12 bytes, checksums) may be lost; a JPEG's end mark too.
    for length in range(len(whole) - 20):
        (tmp_path / "x").write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"truncated or damaged|not an image|empty \(0 bytes\)|unreadable"):
            read_image(tmp_path / "x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(form=st.sampled_from(FORMATS), data=st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path, form, data):
    content = bytearray(encoded(form, SMOOTH))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "x").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    for read in (read_image, image_header):
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                read(tmp_path / "x")
            assert read is image_header or not said
        except UserError as error:
            assert str(error).startswith(str(tmp_path / "x"))


@pytest.mark.parametrize("large", [10**9, 0], ids=["one thread", "several"])
def test_many_files_come_in_order_with_errors_in_their_places(tmp_path, monkeypatch, large):
    monkeypatch.setattr(decoding, "LARGE", large)
    monkeypatch.setattr(decoding, "usable_cores", lambda: 3)
    for number in range(700):
        Image.fromarray(np.full((4, 4), number % 251, np.uint8)).save(tmp_path / f"{number}.bmp")
    (tmp_path / "300.bmp").write_bytes(b"")
    paths = [f"{number}.bmp" for number in range(700)]
    outcomes = list(decoding.decoded(tmp_path, paths, (1, 2, 2)))
    assert str(outcomes[300]) == "300.bmp: empty (0 bytes)"
    assert all((o.pixels == n % 251).all() for n, o in enumerate(outcomes) if n != 300)
    assert outcomes[0].id == outcomes[251].id != outcomes[1].id
    assert list(decoding.headers(tmp_path, paths))[299:301] == [(4, 4, True), None]


def test_fit_keeps_the_middle_and_changes_channels():
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 3:9] = 200  # wider than the part kept: the filter looks past the edge of the crop
    assert (fit_image(wide, (3, 4, 4)) == 200).all()
    assert fit_image(wide, (1, 2, 2)).tolist() == [[[200, 200], [200, 200]]]
    assert (fit_image(GREY, (3, 6, 8)) == GREY).all()
    assert (fit_image(COLOUR, (3, 6, 8)) == COLOUR.transpose(2, 0, 1)).all()
