"""What the doctor's looks at sequences were made for."""

import numpy as np
import pytest
import torch

from arcane.diagnosis.watching.copied import _distances
from arcane.diagnosis.watching.pairing import _commonest
from arcane.diagnosis.watching.series import _even
from arcane.diagnosis.watching.summaries import commonest, filling, row_keys
from arcane.diagnosis.watching.tokens import runs_down


def walk(generator: np.random.Generator, length: int) -> np.ndarray:
    """A text of eight codes, each of which is followed by one of two."""
    codes = [0]
    for _ in range(length - 1):
        codes.append((2 * codes[-1] + int(generator.integers(2)) * 3 + 1) % 8)
    return np.array(codes)


def test_text_that_runs_down_its_batches_is_told_from_text_along_them():
    generator = np.random.default_rng(1)
    along = [np.stack([walk(generator, 20) for _ in range(12)]) for _ in range(6)]
    assert runs_down([batch.T for batch in along])
    assert not runs_down(along)
    windows = [np.stack([text[i : i + 20] for i in range(12)]) for text in (walk(generator, 40) for _ in range(6))]
    assert not runs_down(windows)  # both: the next window begins a place later
    begun_alike = [np.concatenate([np.zeros((12, 1), int), generator.integers(1, 8, (12, 19))], 1) for _ in range(6)]
    assert not runs_down(begun_alike)


def test_a_series_of_two_equal_values_comes_out_even_too():
    values = np.random.default_rng(1).standard_normal(1000)
    values[7] = values[3]
    values = (values - values.mean()) / values.std()
    assert _even(np.unique(values)) == "the mean and the deviation"
    assert _even(np.unique(values)[:700]) == ""


def test_padding_is_a_code_that_stands_nowhere_but_at_the_ends():
    rows = np.array([[5, 2, 7, 0, 0], [3, 0, 0, 0, 0], [4, 4, 6, 2, 1]])
    assert (filling(rows) == (rows == 0)).all()
    assert not filling(np.array([[5, 0, 7, 0, 0], [3, 0, 0, 0, 0], [4, 4, 6, 2, 1]])).any()  # it stands within, too
    assert not filling(np.array([[5, 2, 0], [3, 1, 0], [4, 4, 0]])).any()  # an end of each row is a word


@pytest.mark.parametrize("pad", [0, 1, 99])
def test_a_row_has_one_key_however_long_its_batch_is(pad):
    rows = [[5, 2, 7], [3, 8], [4, 4, 6, 2, 9], [6]]
    keys = [
        row_keys(torch.tensor([row + [pad] * (length - len(row)) for row in rows[:number]]))
        for number, length in ((3, 5), (4, 5), (4, 8))
    ]
    assert keys[0].tolist() == keys[1][:3].tolist() == keys[2][:3].tolist()
    assert len(set(keys[2].tolist())) == 4


@pytest.mark.parametrize("pad", [0, 40])
def test_the_commonest_code_is_counted_without_the_padding(pad):
    generator = np.random.default_rng(1)
    words = generator.integers(1, 30, (200, 12))
    unknown = np.where(generator.random((200, 12)) < 0.05, words, 5)
    for rows, most in ((words, 0.2), (unknown, 1.0)):
        lengths = generator.integers(6, 13, 200)
        behind = np.where(np.arange(12) < lengths[:, None], rows, pad)
        before = np.ascontiguousarray(behind[:, ::-1])
        for padded in (behind, before):
            share = commonest(torch.from_numpy(padded))
            assert most - 0.2 < share <= most, (padded, share)


def test_rows_differ_in_words_and_in_length():
    rows = np.array([[5, 2, 7, -1, -1], [5, 3, 7, -1, -1], [5, 2, 7, 4, -1], [1, 2, 3, 4, 5]])
    assert _distances(rows[0], rows).tolist() == [0, 1, 1, 4]


def test_codes_are_numbered_from_the_commonest_on():
    assert _commonest(torch.tensor([[70, 70, 9], [70, 9, 1000]])).tolist() == [[0, 0, 1], [0, 1, 2]]
