"""The networks: sizes that follow the input, weights as the recipe says, and honest answers to wrong names.

Sequences and tables are in test_models_sequences.py and test_models_tables.py.
"""

import math
from typing import Any

import pytest
import torch
from torch import nn

from arcane.config import Model
from arcane.errors import UserError
from arcane.models import TORCHVISION, build_model, count_parameters, model_names
from arcane.spec import Spec

SIZES = [(1, 8, 8), (3, 8, 8), (1, 28, 28), (3, 32, 32), (1, 33, 17), (3, 64, 64), (3, 128, 128), (1, 4, 4)]


def image(shape: tuple[int, int, int], classes: int = 10) -> Spec:
    return Spec("image", shape, tuple(map(str, range(classes))))


def layers(network: nn.Module) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def test_lenet_on_28_pixels_is_the_classic_one():
    network = build_model(Model(name="lenet"), image((1, 28, 28)))
    sizes = [layer.out_channels if isinstance(layer, nn.Conv2d) else layer.out_features for layer in layers(network)]
    assert sizes == [6, 16, 120, 84, 10]
    assert count_parameters(network) == 61_706


OWN = [name for name in model_names("image") if name not in TORCHVISION]
SIZED = [(name, shape) for name in OWN for shape in SIZES]
SIZED += [("resnet18", (1, 4, 4)), ("resnet18", (3, 96, 64)), ("resnet34", (1, 28, 28)), ("resnet50", (3, 32, 32))]


@pytest.mark.parametrize(("name", "shape"), SIZED, ids=str)
@pytest.mark.parametrize("normalization", ["none", "batch", "group"])
def test_every_model_takes_every_size(name, shape, normalization):
    network = build_model(Model(name=name, normalization=normalization, dropout=0.1), image(shape, 7))
    logits = network(torch.randn(3, *shape))
    assert logits.shape == (3, 7)
    assert torch.isfinite(logits).all()
    logits.logsumexp(1).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 128, 128)], ids=str)
def test_lenet_maps_shrink_to_8_at_most(shape):
    network = build_model(Model(name="lenet"), image(shape))
    first_dense = next(layer for layer in layers(network) if isinstance(layer, nn.Linear))
    last_channels = [layer for layer in layers(network) if isinstance(layer, nn.Conv2d)][-1].out_channels
    assert 1 <= first_dense.in_features // last_channels <= 64


@pytest.mark.parametrize("name", ["lenet", "resnet", "mlp", "resnet18"])
def test_width_and_depth_make_it_bigger(name):
    small, wide, deep = (
        count_parameters(build_model(Model.model_validate({"name": name, **sizes}), image((1, 8, 8))))
        for sizes in ({}, {"width": 2.0}, {"depth": 2})
    )
    assert wide > 2 * small
    assert deep > 1.1 * small


@pytest.mark.parametrize("name", ["lenet", "resnet", "mlp"])
@pytest.mark.parametrize("normalization", ["none", "batch", "group"])
def test_no_bias_before_batch_norm_and_a_bias_elsewhere(name, normalization):
    network = build_model(Model(name=name, normalization=normalization), image((3, 32, 32)))
    hidden, output = layers(network)[:-1], layers(network)[-1]
    assert output.bias is not None
    assert [layer.bias is None for layer in hidden] == [normalization == "batch"] * len(hidden)
    kinds = {"none": (), "batch": (nn.BatchNorm1d, nn.BatchNorm2d), "group": (nn.GroupNorm,)}[normalization]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | nn.GroupNorm)]
    assert len(norms) == (0 if normalization == "none" else len(hidden))
    assert all(isinstance(norm, kinds) for norm in norms)


@pytest.mark.parametrize(("activation", "gain"), [("relu", "he"), ("gelu", "he"), ("tanh", "glorot")])
def test_hidden_weights_follow_the_recipe(activation, gain):
    torch.manual_seed(0)
    network = build_model(Model(name="mlp", width=4, depth=2, activation=activation), image((1, 28, 28)))
    for layer in layers(network)[:-1]:
        n_in, n_out = layer.in_features, layer.out_features
        expected = math.sqrt(2 / n_in) if gain == "he" else math.sqrt(2 / (n_in + n_out))
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.02)
        # a normal distribution has 31.7 % beyond one standard deviation, a uniform one 42 %
        beyond = (layer.weight.abs() > expected).float().mean().item()
        assert beyond == pytest.approx(0.317, abs=0.01)
        assert layer.bias.abs().max() == 0


@pytest.mark.parametrize("name", [*OWN, "resnet18"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_loss_starts_at_the_logarithm_of_the_classes(name, activation):
    torch.manual_seed(1)
    network = build_model(Model(name=name, activation=activation), image((1, 28, 28)))
    loss = nn.functional.cross_entropy(network(torch.randn(256, 1, 28, 28)), torch.arange(256) % 10)
    assert loss.item() == pytest.approx(math.log(10), rel=0.05)


def test_a_deep_residual_network_without_normalisation_keeps_its_signal():
    torch.manual_seed(0)
    network = build_model(Model(name="resnet", depth=8), image((3, 32, 32)))
    assert isinstance(network, nn.Sequential)
    features = network[:-1](torch.randn(16, 3, 32, 32))
    assert 0.1 < features.std().item() < 10


@pytest.mark.parametrize("name", ["lenet", "resnet", "mlp", "resnet18"])
def test_dropout_acts_in_training_only(name):
    network = build_model(Model(name=name, dropout=0.5), image((1, 8, 8)))
    images = torch.randn(4, 1, 8, 8)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
def test_the_activation_is_the_chosen_one(activation):
    kind = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}[activation]
    for name in ("lenet", "resnet", "mlp"):
        network = build_model(Model(name=name, activation=activation), image((1, 8, 8)))
        found = {type(m) for m in network.modules() if isinstance(m, nn.ReLU | nn.GELU | nn.Tanh)}
        assert found == {kind}


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UserError, match=r"`resnt`.*did you mean `resnet`\?.*lenet, resnet, resnet18, .*linear, mlp"):
        build_model(Model(name="resnt"), image((1, 8, 8)))


def test_a_model_of_another_modality_names_those_that_fit():
    sequence = Spec("sequence", (1, 40), ("a", "b"))
    with pytest.raises(UserError, match=r"`lenet`, which does not read sequence data; for it: lstm, conv1d, .*mlp"):
        build_model(Model(name="lenet"), sequence)
    with pytest.raises(UserError, match=r"`lstm`, which does not read image data; for it: lenet, resnet, resnet18"):
        build_model(Model(name="lstm"), image((1, 8, 8)))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_named_network_is_torchvisions_own(name):
    import torchvision

    ours: Any = build_model(Model(name=name, normalization="batch"), image((3, 64, 64), 1000)).eval()
    theirs = torchvision.models.get_model(name).eval()
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, 3, 64, 64)
    assert torch.equal(ours(images), theirs(images))
    small = build_model(Model(name="resnet18", normalization="batch"), image((3, 32, 32)))
    assert count_parameters(small) == 11_173_962  # as every ResNet-18 for CIFAR-10 has


def test_a_deep_named_network_without_normalisation_keeps_its_signal():
    torch.manual_seed(0)
    network = build_model(Model(name="resnet34"), image((3, 32, 32)))
    assert 0.05 < network(torch.randn(8, 3, 32, 32)).std() < 5
