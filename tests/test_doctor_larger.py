"""Mistakes and their right twins as they stand in larger programs: samplers, teachers, variational models, counts."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from watched import blobs, codes

from arcane.diagnosis import watch
from arcane.diagnosis.watching.reaching import reach
from arcane.diagnosis.watching.trace import Node


def trained(model: nn.Module, loss_of: Callable, batches: Callable, epochs: int = 3) -> None:
    """Adam over the batches of rows that `batches()` gives."""
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(epochs):
        for rows in batches():
            optimiser.zero_grad()
            loss_of(model, rows).backward()
            optimiser.step()


def shuffled() -> tuple[torch.Tensor, ...]:
    return torch.randperm(240).split(24)


def network(*after: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 24), *after, nn.Tanh(), nn.Linear(24, 5))


def test_batches_that_are_sorted_within_and_hold_every_class_are_shuffled():
    x, y = blobs()

    def balanced() -> list[torch.Tensor]:
        places = [torch.nonzero(y[:240] == c)[:, 0] for c in range(5)]
        return [torch.cat([p[torch.randint(len(p), (6,))] for p in places]) for _ in range(10)]

    def by_label() -> tuple[torch.Tensor, ...]:
        return y[:240].argsort().split(24)

    for batches, expected in ((balanced, False), (by_label, True)):
        said = codes(lambda b=batches: trained(network(), lambda m, r: F.cross_entropy(m(x[r]), y[r]), b))
        assert ("data-not-shuffled" in said) == expected, said


@pytest.mark.parametrize("start", [1.0, 3.0])
def test_a_table_of_codes_may_start_wide_under_any_name(start):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(30, 64)
            self.inner = nn.Linear(64, 24)
            self.out = nn.Linear(24, 3)
            nn.init.normal_(self.inner.weight, std=(start if start > 1 else 0.125))

        def forward(self, tokens):
            return self.out(torch.tanh(self.inner(self.words(tokens).mean(1))))

    tokens = torch.randint(0, 30, (240, 6), generator=torch.Generator().manual_seed(1))
    labels = tokens[:, 0] % 3
    said = codes(lambda: trained(Reader(), lambda m, r: F.cross_entropy(m(tokens[r]), labels[r]), shuffled))
    assert ("bad-initialisation" in said) == (start > 1), said


@pytest.mark.parametrize("counting", ["index_put", "setitem", "bincount", "formatted"])
@pytest.mark.parametrize("knows", [True, False])
def test_answers_that_are_only_counted_are_an_evaluation(counting, knows):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = network()

        def forward(self, x):
            return self.body[2](F.dropout(self.body[1](self.body[0](x)), 0.3, training=self.training or not knows))

    def program() -> None:
        x, y = blobs()
        model = Net()
        trained(model, lambda m, r: F.cross_entropy(m(x[r]), y[r]), shuffled)
        model.eval()
        counts = torch.zeros(5, 5, dtype=torch.long)
        with torch.no_grad():
            for rows in torch.arange(240, 300).split(30):
                answers = model(x[rows]).argmax(1)
                if counting == "index_put":
                    counts.index_put_((y[rows], answers), torch.ones(len(rows), dtype=torch.long), accumulate=True)
                elif counting == "setitem":
                    for label, answer in zip(y[rows], answers, strict=True):
                        counts[label, answer] += 1
                elif counting == "bincount":
                    counts += torch.bincount(5 * y[rows] + answers, minlength=25).view(5, 5)
                else:
                    print(f"{answers.double().mean():.3f}")
        print("the counts are kept")

    assert ("dropout-active-in-evaluation" in codes(program)) != knows


@pytest.mark.parametrize(("after", "bad"), [(nn.LayerNorm(24), True), (nn.BatchNorm1d(24), False)])
def test_a_norm_over_a_rows_units_does_not_bring_columns_to_nought(after, bad):
    x, y = blobs()
    far = x * torch.tensor([0.5, 9.0, 4.0, 0.2, 0.1, 0.1, 1.0, 2.0]) + torch.tensor(
        [6.0, 120.0, 55.0, 1.0, 0.6, 0.3, 9.0, 30.0]
    )
    loss = lambda m, r: F.cross_entropy(m(far[r]), y[r])  # noqa: E731
    assert ("input-not-normalised" in codes(lambda: trained(network(after), loss, shuffled))) == bad


def test_a_norm_over_a_rows_units_takes_a_common_scale_away():
    x, y = blobs()
    assert "input-not-normalised" not in codes(
        lambda: trained(network(nn.LayerNorm(24)), lambda m, r: F.cross_entropy(m(100 * x[r]), y[r]), shuffled)
    )


def contrasted(m: nn.Module, rows: torch.Tensor, sign: int) -> torch.Tensor:
    x, y = blobs()
    z = F.normalize(m(x[rows]), dim=1)
    alike, own = z @ z.T / 0.2, torch.eye(len(rows), dtype=torch.bool)
    same = (y[rows][:, None] == y[rows][None, :]) & ~own
    share = alike - alike.masked_fill(own, float("-inf")).logsumexp(1, keepdim=True)
    return sign * ((share * same).sum(1) / same.sum(1).clamp(min=1)).mean()


def entropy_bonus(m: nn.Module, rows: torch.Tensor, sign: int) -> torch.Tensor:
    x, y = blobs()
    z = m(x[rows])
    return F.cross_entropy(z, y[rows]) - sign * 0.01 * (z.softmax(1) * z.log_softmax(1)).sum(1).mean()


def weighted_shares(m: nn.Module, rows: torch.Tensor, sign: int) -> torch.Tensor:
    x, y = blobs()
    z = m(x[rows])
    log = torch.log(z.exp() / z.exp().sum(1, keepdim=True) + 1e-9)
    return sign * (log * F.one_hot(y[rows], 5) * torch.linspace(0.5, 1.5, len(rows))[:, None]).sum(1).mean()


@pytest.mark.parametrize("loss", [contrasted, weighted_shares])
def test_shares_that_are_to_grow_are_minimised(loss):
    said = [codes(lambda s=s: trained(network(), lambda m, r: loss(m, r, s), shuffled)) for s in (-1, 1)]
    assert "loss-sign-flipped" not in said[0] and "loss-sign-flipped" in said[1], said


@pytest.mark.parametrize("sign", [-1, 1])
def test_an_entropy_may_be_raised_or_lowered(sign):
    assert "loss-sign-flipped" not in codes(
        lambda: trained(network(), lambda m, r: entropy_bonus(m, r, sign), shuffled)
    )


@pytest.mark.parametrize(("dim", "bad"), [(1, False), (0, True)])
def test_a_teachers_shares_over_the_rows(dim, bad):
    x, _ = blobs()
    torch.manual_seed(3)
    answers = 4 * network()(x).detach()

    def loss(m: nn.Module, r: torch.Tensor) -> torch.Tensor:
        return F.kl_div(F.log_softmax(m(x[r]) / 2, 1), F.softmax(answers[r] / 2, dim), reduction="batchmean")

    assert ("softmax-wrong-dim" in codes(lambda: trained(network(), loss, shuffled))) == bad


class Variational(nn.Module):
    def __init__(self, draw: Callable):
        super().__init__()
        self.encoder, self.decoder, self.draw = nn.Linear(8, 6), nn.Linear(3, 8), draw

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, 1)
        z = self.draw(mean, (0.5 * log_variance).exp())
        prior = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1)
        return self.decoder(z), prior


def reparametrised(mean: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    return mean + deviation * torch.randn_like(deviation)


@pytest.mark.parametrize(
    ("draw", "bad"),
    [
        (reparametrised, False),
        (torch.normal, True),
        (lambda mean, deviation: torch.distributions.Normal(mean, deviation).sample(), True),
        (lambda mean, deviation: torch.distributions.Normal(mean, deviation).rsample(), False),
    ],
)
def test_a_draw_that_no_gradient_goes_through(draw, bad):
    x, _ = blobs()

    def loss(m: nn.Module, r: torch.Tensor) -> torch.Tensor:
        seen, prior = m(x[r])
        return ((seen - x[r]) ** 2).sum(1).mean() + 0.1 * prior.mean()

    said = codes(lambda: trained(Variational(draw), loss, shuffled))
    assert ("gradient-does-not-flow" in said) == bad, said


def test_a_model_that_draws_from_what_it_made_itself_gets_a_note():
    def program() -> None:
        x, _ = blobs()
        model = Variational(reparametrised)
        trained(model, lambda m, r: F.mse_loss(m(x[r])[0], x[r]) + 0.01 * m(x[r])[1].mean(), shuffled)
        model.eval()
        with torch.no_grad():
            print(f"error {F.mse_loss(model(x[240:])[0], x[240:]).item():.4f}")

    with watch(show=False) as report:
        torch.manual_seed(0)
        program()
    drawn = [f.severity for f in report.findings if f.code == "evaluation-not-deterministic"]
    assert drawn in ([], ["note"])
    assert not [f for f in report.findings if f.severity != "note"]


@pytest.mark.parametrize(
    ("last", "bad"),
    [
        (lambda z: z, False),
        (lambda z: torch.relu(z), True),
        (lambda z: torch.relu(z) + 1, True),
        (lambda z: 6 * torch.sigmoid(z) - 3, False),
        (lambda z: torch.sigmoid(z) - 0.5, True),
        (lambda z: F.softplus(z) * torch.ones(1), True),
        (lambda z: -torch.exp(z), True),
        (lambda z: 4 * torch.tanh(z), False),
    ],
)
def test_outputs_that_cannot_be_where_the_targets_are(last, bad):
    """Targets from -2.2 to 2.2."""
    x, _ = blobs()
    targets = x[:, 0] + 0.3 * x[:, 1]
    targets = (targets - targets.mean()) / targets.std()
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))

    def single(m: nn.Module, r: torch.Tensor) -> torch.Tensor:
        return F.mse_loss(last(m(x[r])[:, 0]), targets[r])

    said = codes(lambda: trained(model, single, shuffled))
    assert ("output-range-cannot-reach-targets" in said) == bad, said


OPERATIONS = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "neg": torch.neg,
    "mean": lambda t: t.mean(-1, keepdim=True),
    "sum": lambda t: t.sum(-1, keepdim=True),
    "add": lambda t: t + 1.5,
    "mul": lambda t: t * -2.5,
    "div": lambda t: t / 0.5,
    "rsub": lambda t: 1.0 - t,
    "clamp": lambda t: t.clamp(-0.5, 2.0),
}
GIVEN = {"add": {"1": 1.5}, "mul": {"1": -2.5}, "div": {"1": 0.5}, "rsub": {"1": 1.0}, "clamp": {"1": -0.5, "2": 2.0}}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(sorted(OPERATIONS)), min_size=1, max_size=6), st.integers(0, 2**31))
def test_no_value_lies_outside_of_what_can_be_reached(names, seed):
    values = 3 * torch.randn(20, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    node = Node("linear", (), tuple(values.shape), "float64", True, layers=1)
    for name in names:
        values = OPERATIONS[name](values)
        node = Node(name, (node,), tuple(values.shape), "float64", True, options=GIVEN.get(name, {}), layers=1)
    (low, high), _ = reach(node)
    assert low - 1e-9 <= float(values.min()) and float(values.max()) <= high + 1e-9


def test_a_loss_that_is_not_finite_leaves_the_programs_output_alone(capfd: pytest.CaptureFixture[str]):
    """The solver behind the look at gradients complains of NaN on the standard output."""
    x, y = blobs()

    def loss(m: nn.Module, r: torch.Tensor) -> torch.Tensor:
        return ((m(x[r])[:, 0] - y[r]) ** 2).mean() * float("nan")

    said = codes(lambda: trained(nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 1)), loss, shuffled))
    assert capfd.readouterr().out == "" and "loss-not-finite" in said and "not-examined" not in said
