"""Augmentation: each example its own draw, labels' pictures kept whole, reproducible from a generator."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arcane.errors import UserError
from arcane.training import augment
from arcane.training.augmentation import augmentation_names

CHANGING = sorted(set(augmentation_names("image")) - {"none"})


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(height: int = 12, width: int = 12) -> torch.Tensor:
    """One image without symmetry, uint8 [1, H, W]."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return ((rows * 13 + columns * 7) % 251).to(torch.uint8)[None]


@pytest.mark.parametrize("name", CHANGING)
def test_each_example_gets_its_own_draw(name):
    images = picture().repeat(64, 1, 1, 1)
    changed = augment(images, name, generator(0))
    different = {image.numpy().tobytes() for image in changed}
    # crop-flip on 12 pixels has 3 x 3 shifts and a mirror: 18 outcomes
    assert len(different) > (12 if name == "crop-flip" else 60)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(augmentation_names("image")),
    n=st.integers(1, 5),
    channels=st.sampled_from([1, 3]),
    height=st.integers(4, 20),
    width=st.integers(4, 20),
    seed=st.integers(0, 2**31),
)
def test_shape_dtype_and_range_stay_and_the_input_is_not_written(name, n, channels, height, width, seed):
    images = torch.randint(50, 200, (n, channels, height, width), dtype=torch.uint8, generator=generator(seed))
    before = images.clone()
    changed = augment(images, name, generator(seed))
    assert changed.shape == images.shape
    assert changed.dtype == torch.uint8
    assert torch.equal(images, before)
    # beyond the edge the edge's pixels go on: no value appears that was not between those of the image
    assert changed.min() >= images.min()
    assert changed.max() <= images.max()


@pytest.mark.parametrize("name", augmentation_names("image"))
def test_the_same_generator_gives_the_same_images(name):
    images = picture().repeat(8, 1, 1, 1)
    assert torch.equal(augment(images, name, generator(3)), augment(images, name, generator(3)))
    assert torch.equal(augment(images, name, generator(3)), augment(images, name, generator(4))) == (name == "none")


def test_crop_flip_only_moves_whole_pixels_and_mirrors():
    image = picture()
    for changed in augment(image.repeat(64, 1, 1, 1), "crop-flip", generator(1)):
        inner = changed[0, 2:-2, 2:-2]
        candidates = [
            flipped[0, 2 + dy : 10 + dy, 2 + dx : 10 + dx]
            for flipped in (image, image.flip(2))
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ]
        assert any(torch.equal(inner, candidate) for candidate in candidates)


def test_affine_moves_a_dot_by_at_most_its_reach():
    images = torch.zeros(200, 1, 41, 41, dtype=torch.uint8)
    images[:, :, 18:23, 18:23] = 200
    changed = augment(images, "affine", generator(2)).float()[:, 0]
    grid = torch.arange(41.0) - 20
    mass = changed.sum((1, 2))
    moved_x, moved_y = (changed.sum(1) @ grid) / mass, (changed.sum(2) @ grid) / mass
    # a tenth of the side is 4.1 pixels, over a scale of at least 0.9
    for moved in (moved_x, moved_y):
        assert 3 < moved.abs().max() < 4.1 / 0.9 + 0.3
        assert moved.mean().abs() < 0.6


def test_affine_turns_without_shearing_a_wide_image():
    """A square in an image twice as wide as high keeps its sides' lengths equal, whatever the angle."""
    images = torch.zeros(50, 1, 40, 80, dtype=torch.uint8)
    images[:, :, 12:28, 32:48] = 200
    changed = augment(images, "affine", generator(5)).float()[:, 0]
    rows, columns = torch.arange(40.0), torch.arange(80.0)
    mass = changed.sum((1, 2))

    def spread(profile: torch.Tensor, axis: torch.Tensor) -> torch.Tensor:
        mean = profile @ axis / mass
        return (profile @ axis**2 / mass - mean**2).sqrt()

    ratio = spread(changed.sum(2), rows) / spread(changed.sum(1), columns)
    assert (ratio - 1).abs().max() < 0.03


def curves(n: int = 200, channels: int = 1, length: int = 40) -> torch.Tensor:
    return 50 + 3 * torch.randn(n, channels, length, generator=generator(9)).cumsum(2)


def test_sequences_are_shifted_stretched_and_noisy_each_by_its_own_draw():
    one = (50 + 3 * torch.sin(torch.arange(200.0))).repeat(200, 1, 1)
    before = one.clone()
    changed = augment(one, "shift-scale-noise", generator(1))
    assert torch.equal(one, before)
    assert changed.dtype == torch.float32 and changed.shape == one.shape
    assert len({row.numpy().tobytes() for row in changed}) == 200
    swing = changed.std(2) / one.std(2)
    assert 0.86 < swing.min() < 0.92 and 1.08 < swing.max() < 1.14
    assert (changed.mean(2) - 50).abs().max() < 0.6
    assert torch.equal(changed, augment(one, "shift-scale-noise", generator(1)))
    assert not torch.equal(changed, augment(one, "shift-scale-noise", generator(2)))


def test_sequences_move_by_at_most_a_tenth_of_their_length():
    spikes = torch.zeros(500, 1, 40)
    spikes[:, 0, 20] = 100.0
    places = augment(spikes, "shift-scale-noise", generator(3)).argmax(2).flatten() - 20
    assert set(places.tolist()) == set(range(-4, 5))


def test_what_is_absent_stays_absent():
    sequences = curves(50, channels=2)
    sequences[:, :, 30:] = torch.nan
    sequences[:, 1, :] = torch.nan
    changed = augment(sequences, "shift-scale-noise", generator(4))
    assert changed[:, 1].isnan().all() and changed[:, :, 34:].isnan().all()
    assert not changed[:, 0, :26].isnan().any()


def test_a_constant_sequence_stays_what_it_is():
    constant = torch.full((3, 1, 10), 7.0)
    assert torch.equal(augment(constant, "shift-scale-noise", generator(0)), constant)


def test_rows_of_a_table_are_left_alone():
    rows = torch.randn(5, 4)
    assert torch.equal(augment(rows, "none"), rows)


@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        (
            "affine",
            torch.randn(2, 1, 9),
            "`affine`, which does not suit sequence data; for it: none, shift-scale-noise",
        ),
        ("shift-scale-noise", torch.randn(2, 9), "does not suit tabular data; for it: none"),
        ("shift-scale-noise", picture()[None], "does not suit image data; for it: none, affine, crop-flip"),
    ],
)
def test_an_augmentation_of_another_modality_is_refused(name, inputs, message):
    with pytest.raises(UserError, match=message):
        augment(inputs, name)


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UserError, match=r"`afine`.*did you mean `affine`\?"):
        augment(picture()[None], "afine")
