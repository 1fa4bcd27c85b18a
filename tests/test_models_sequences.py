"""Networks for sequences: any length, padding that changes nothing, weights as the recipe says."""

import math

import pytest
import torch
from torch import nn

from arcane.config import Model
from arcane.models import build_model, count_parameters, model_names
from arcane.models.absent import Filled, present_steps
from arcane.models.wavenet import Block, dilations
from arcane.spec import Spec, Target

NAMES = model_names("sequence")
OWN = ("lstm", "conv1d", "wavenet", "attention")
LSTM_OF_128_ON_ONE_CHANNEL = 4 * (128 * 1 + 128 * 128 + 128 + 128)


def spec(channels: int = 1, length: int = 40, classes: int = 10) -> Spec:
    return Spec("sequence", (channels, length), tuple(map(str, range(classes))))


def padded(inputs: torch.Tensor, length: int) -> torch.Tensor:
    return nn.functional.pad(inputs, (0, length - inputs.shape[2]), value=math.nan)


@pytest.mark.parametrize("shape", [(1, 40), (3, 7), (2, 1), (12, 300)], ids=str)
@pytest.mark.parametrize("normalization", ["none", "batch", "group"])
@pytest.mark.parametrize("name", NAMES)
def test_every_model_takes_every_length(name, normalization, shape):
    torch.manual_seed(0)
    network = build_model(Model(name=name, normalization=normalization, dropout=0.1, width=0.5), spec(*shape, 7))
    logits = network(torch.randn(3, *shape))
    assert logits.shape == (3, 7) and torch.isfinite(logits).all()
    logits.logsumexp(1).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_regression_has_one_output_and_starts_near_the_mean(name):
    torch.manual_seed(0)
    network = build_model(Model(name=name), Spec("sequence", (2, 30), target=Target("y")))
    estimates = network(torch.randn(64, 2, 30))
    assert estimates.shape == (64, 1)
    assert estimates.abs().mean() < 0.5  # standardised: the loss starts at the targets' variance, 1


def test_sizes_are_those_that_the_notes_report():
    sizes = {name: count_parameters(build_model(Model(name=name), spec())) for name in NAMES}
    assert sizes["lstm"] == LSTM_OF_128_ON_ONE_CHANNEL + 128 * 10 + 10
    assert sizes == {"lstm": 68362, "conv1d": 52874, "wavenet": 43434, "attention": 68106, "linear": 410, "mlp": 23050}


@pytest.mark.parametrize("name", OWN)
def test_width_and_depth_make_it_bigger(name):
    small, wide, deep = (
        count_parameters(build_model(Model.model_validate({"name": name, **sizes}), spec()))
        for sizes in ({}, {"width": 2.0}, {"depth": 2})
    )
    assert wide > 2 * small and deep > 1.5 * small


@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize("name", OWN)
def test_padding_changes_nothing(name, normalization):
    """Sequences of 10 and 25 steps: the same outputs padded to 25 and to 40, alone and beside each other."""
    torch.manual_seed(0)
    network = build_model(Model(name=name, normalization=normalization, activation="gelu"), spec(2), (True, True))
    for _ in range(3):  # moves the running statistics of batch norm
        network(padded(torch.randn(8, 2, 30), 40))
    network.eval()
    short, long = torch.randn(1, 2, 10), torch.randn(1, 2, 25)
    together = network(torch.cat([padded(short, 40), padded(long, 40)]))
    assert torch.allclose(network(padded(short, 25)), together[:1], atol=1e-5)
    assert torch.allclose(network(long), together[1:], atol=1e-5)


def test_absent_values_become_zero_with_an_indicator_where_training_lacks_some():
    inputs = torch.tensor([[[1.0, math.nan], [2.0, 3.0]]])
    assert Filled((True, False))(inputs).tolist() == [[[1, 0], [2, 3], [0, 1]]]
    assert Filled(())(inputs).tolist() == [[[1, 0], [2, 3]]]
    assert inputs.isnan().sum() == 1, "the input is not written"


def test_a_sequence_ends_with_its_last_value_in_any_channel():
    nan = math.nan
    inputs = torch.tensor([[[1.0, nan, 2.0, nan]], [[nan] * 4], [[1.0] * 4]])
    assert present_steps(inputs).tolist() == [[True, True, True, False], [True, False, False, False], [True] * 4]
    two = torch.tensor([[[1.0, nan, nan], [nan, 2.0, nan]]])
    assert present_steps(two).tolist() == [[True, True, False]]


@pytest.mark.parametrize("name", OWN)
def test_a_sequence_without_any_value_has_finite_outputs(name):
    network = build_model(Model(name=name), spec(), (True,))
    outputs = network(torch.full((2, 1, 40), math.nan))
    assert torch.isfinite(outputs).all()
    outputs.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_wavenet_sees_the_past_only_and_all_of_it():
    torch.manual_seed(0)
    network = build_model(Model(name="wavenet"), spec())
    seen = []
    network.body.register_forward_hook(lambda module, inputs, output: seen.append(output[0]))
    inputs = torch.randn(1, 1, 40)
    for changed in (None, 39, 0):
        other = inputs.clone()
        if changed is not None:
            other[0, 0, changed] += 1
        network(other)
    assert torch.equal(seen[0][..., :39], seen[1][..., :39]) and not torch.equal(seen[0][..., 39], seen[1][..., 39])
    assert not torch.equal(seen[0][..., 39], seen[2][..., 39]), "the last step sees the first"
    assert dilations(40) == [1, 2, 4, 8, 16] and dilations(1) == [1]


def test_attention_knows_the_order_and_the_mean_alone_does_not():
    torch.manual_seed(0)
    network = build_model(Model(name="attention"), spec()).eval()
    inputs = torch.randn(4, 1, 40)
    assert not torch.allclose(network(inputs), network(inputs.flip(2)), atol=1e-4)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_loss_starts_at_the_logarithm_of_the_classes(name, activation):
    torch.manual_seed(1)
    network = build_model(Model(name=name, activation=activation), spec())
    loss = nn.functional.cross_entropy(network(torch.randn(256, 1, 40)), torch.arange(256) % 10)
    assert loss.item() == pytest.approx(math.log(10), rel=0.05)


@pytest.mark.parametrize("name", OWN)
def test_dropout_acts_in_training_only(name):
    network = build_model(Model(name=name, dropout=0.5), spec())
    inputs = torch.randn(4, 1, 40)
    assert not torch.equal(network(inputs), network(inputs))
    network.eval()
    assert torch.equal(network(inputs), network(inputs))


@pytest.mark.parametrize("name", ["conv1d", "wavenet", "attention"])
def test_no_bias_before_batch_norm(name):
    network = build_model(Model(name=name, normalization="batch"), spec())
    modules = list(network.modules())
    before = [modules[place - 1] for place, module in enumerate(modules) if isinstance(module, nn.BatchNorm1d)]
    assert before and all(isinstance(layer, nn.Conv1d) and layer.bias is None for layer in before)


def test_lstm_weights_are_glorot_normal_and_its_forget_gate_starts_open():
    torch.manual_seed(0)
    network = build_model(Model(name="lstm", width=2), spec(64))
    (layer,) = (module for module in network.modules() if isinstance(module, nn.LSTM))
    units = layer.hidden_size
    for gate in layer.weight_ih_l0.chunk(4):
        assert gate.std().item() == pytest.approx(math.sqrt(2 / (64 + units)), rel=0.03)
    for gate in layer.weight_hh_l0.chunk(4):
        assert gate.std().item() == pytest.approx(math.sqrt(2 / (2 * units)), rel=0.03)
    biases = (layer.bias_ih_l0 + layer.bias_hh_l0).chunk(4)
    assert [set(gate.tolist()) for gate in biases] == [{0.0}, {1.0}, {0.0}, {0.0}]


def test_gates_are_glorot_whatever_the_activation():
    torch.manual_seed(0)
    network = build_model(Model(name="wavenet", width=4), spec())
    block = next(module for module in network.modules() if isinstance(module, Block))
    expected = math.sqrt(2 / (3 * 128 + 3 * 256))
    assert block.gated[0].weight.std().item() == pytest.approx(expected, rel=0.02)
