"""Checkpoints: whole or not there, checked before they are used, and the generators' states in them."""

import logging
import random

import numpy as np
import pytest
import torch

from arcane.training.checkpoints import LAST, PREVIOUS, Checkpoints, random_states, restore_random_states


def state(number: int) -> dict:
    return {"weights": {"layer.weight": torch.full((3, 2), number / 7)}, "step": number, "names": ["a", None]}


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints", "a training")


def test_gives_back_what_was_saved_last(checkpoints):
    assert checkpoints.load() is None
    for number in range(3):
        checkpoints.save(state(number))
    loaded = checkpoints.load()
    assert loaded["step"] == 2 and loaded["names"] == ["a", None]
    assert torch.equal(loaded["weights"]["layer.weight"], torch.full((3, 2), 2 / 7))
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == [LAST, PREVIOUS]
    checkpoints.clear()
    assert not checkpoints.folder.exists()


@pytest.mark.parametrize("position", [0, 30, 100, -1])
def test_a_flipped_byte_is_named_and_the_previous_one_used(checkpoints, caplog, position):
    checkpoints.save(state(1))
    checkpoints.save(state(2))
    content = bytearray((checkpoints.folder / LAST).read_bytes())
    content[position] ^= 1
    (checkpoints.folder / LAST).write_bytes(content)
    with caplog.at_level(logging.WARNING, "arcane.training"):
        assert checkpoints.load()["step"] == 1
    assert "last.ckpt: damaged" in caplog.text


@pytest.mark.parametrize("kept", [0, 10, 60, 200])
def test_a_file_cut_short_is_not_used(checkpoints, kept):
    checkpoints.save(state(1))
    path = checkpoints.folder / LAST
    path.write_bytes(path.read_bytes()[:kept])
    assert checkpoints.load() is None


def test_the_checkpoint_of_another_training_is_not_used(checkpoints, caplog):
    checkpoints.save(state(1))
    assert Checkpoints(checkpoints.folder, "another").load() is None
    assert "belongs to another training" in caplog.text


def test_a_pickle_that_would_run_code_is_refused(checkpoints):
    import hashlib
    import io

    from arcane.training.checkpoints import MAGIC

    class Bomb:
        def __reduce__(self):
            return (exec, ("raise SystemExit('ran')",))

    buffer = io.BytesIO()
    torch.save({"identity": "a training", "state": Bomb()}, buffer)
    checkpoints.folder.mkdir()
    payload = buffer.getvalue()
    (checkpoints.folder / LAST).write_bytes(MAGIC + hashlib.sha256(payload).digest() + payload)
    with pytest.raises(Exception, match=r"[Ww]eights.only|Unsupported"):
        checkpoints.load()


def test_the_generators_go_on_where_they_were(checkpoints):
    cpu = torch.device("cpu")
    torch.manual_seed(3), random.seed(4), np.random.seed(5)
    np.random.standard_normal(3)
    checkpoints.save(random_states(cpu))
    expected = torch.rand(3).tolist(), random.gauss(0, 1), np.random.standard_normal(3).tolist()
    restore_random_states(checkpoints.load(), cpu)
    assert (torch.rand(3).tolist(), random.gauss(0, 1), np.random.standard_normal(3).tolist()) == expected
