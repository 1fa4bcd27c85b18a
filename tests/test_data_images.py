"""Image files come out as a person sees them, whatever their mode, and in the size that is asked for."""

import numpy as np
import pytest
from PIL import Image

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


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.fromarray(GREY).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    with pytest.raises(UserError, match="more than 40 pixels"):
        read_image(tmp_path / "x.png")


def test_fit_keeps_the_middle_and_changes_channels():
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 3:9] = 200  # wider than the part kept: the filter looks past the edge of the crop
    assert (fit_image(wide, (3, 4, 4)) == 200).all()
    assert fit_image(wide, (1, 2, 2)).tolist() == [[[200, 200], [200, 200]]]
    assert (fit_image(GREY, (3, 6, 8)) == GREY).all()
    assert (fit_image(COLOUR, (3, 6, 8)) == COLOUR.transpose(2, 0, 1)).all()
