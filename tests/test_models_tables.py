"""Networks for tables: categories as vectors or one-hot, what is missing said beside the numbers."""

import math

import pytest
import torch
from torch import nn

from arcane.config import Model
from arcane.models import build_model, model_names
from arcane.models.columns import Columns, embedding_size
from arcane.spec import Feature, Spec, Target

COLOURS = Feature("colour", "category", ("blue", "green", "red"))
TABLE = Spec("tabular", (3,), ("no", "yes"), (Feature("age"), COLOURS, Feature("height")))
LACKS_ALL = (True, True, True)
nan = math.nan


def columns(absent=(), embedded=False) -> Columns:
    network = Columns(TABLE, absent, embedded)
    assert network(torch.zeros(2, 3)).shape == (2, network.units)
    return network


def test_linear_reads_categories_one_hot_and_unknown_ones_as_nothing():
    rows = torch.tensor([[0.5, 1, -1], [0.5, 3, -1], [0.5, 0, -1], [nan, nan, nan], [0.5, 9, -1]])
    assert columns()(rows).tolist() == [
        [0.5, -1, 1, 0, 0],
        [0.5, -1, 0, 0, 1],
        [0.5, -1, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0.5, -1, 0, 0, 0],
    ]


def test_what_training_lacks_gets_an_indicator_and_a_level_of_its_own():
    rows = torch.tensor([[0.5, 2, -1], [nan, nan, -1]])
    assert columns(LACKS_ALL)(rows).tolist() == [[0.5, -1, 0, 0, 0, 1, 0, 0], [0, -1, 1, 0, 0, 0, 0, 1]]
    assert columns((False, False, True))(rows).tolist() == [[0.5, -1, 0, 0, 1, 0], [0, -1, 0, 0, 0, 0]]


def test_an_unknown_category_is_the_zero_vector_and_stays_it():
    torch.manual_seed(0)
    network = build_model(Model(name="mlp"), TABLE, LACKS_ALL)
    vectors = network[0].embeddings[0]
    assert vectors.weight.shape == (5, embedding_size(4))  # unknown, three levels, missing
    assert vectors.weight[0].abs().max() == 0 and vectors.weight[1:].abs().min() > 0
    rows = torch.tensor([[0.0, code, 0.0] for code in (0, 1, 2, 3, nan)])
    network(rows).logsumexp(1).sum().backward()
    assert vectors.weight.grad[0].abs().max() == 0 and (vectors.weight.grad[1:].abs().sum(1) > 0).all()


def test_vectors_are_as_long_as_a_standardised_number_is_large():
    torch.manual_seed(0)
    feature = Feature("many", "category", tuple(map(str, range(1000))))
    network = build_model(Model(name="mlp"), Spec("tabular", (1,), ("a", "b"), (feature,)))
    lengths = network[0].embeddings[0].weight[1:].square().sum(1)
    assert lengths.mean().item() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize(("levels", "size"), [(1, 2), (2, 2), (10, 6), (100, 21), (1000, 77), (10**6, 600)])
def test_embedding_sizes_are_fastais(levels, size):
    assert embedding_size(levels) == size


@pytest.mark.parametrize("name", model_names("tabular"))
def test_outputs_and_gradients_are_finite_whatever_is_missing(name):
    network = build_model(Model(name=name, normalization="batch", dropout=0.1), TABLE, LACKS_ALL)
    rows = torch.randn(16, 3).where(torch.rand(16, 3) > 0.3, nan)
    logits = network(rows)
    assert logits.shape == (16, 2) and torch.isfinite(logits).all()
    logits.logsumexp(1).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_a_table_of_numbers_needs_no_features_and_a_regression_one_output():
    network = build_model(Model(name="linear"), Spec("tabular", (6,), target=Target("y")))
    assert network(torch.randn(4, 6)).shape == (4, 1)
    assert [tuple(p.shape) for p in network.parameters()] == [(1, 6), (1,)]
    assert isinstance(network[-1], nn.Linear)


def test_names_for_tables():
    assert model_names("tabular") == ("linear", "mlp")
