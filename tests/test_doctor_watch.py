"""The watching doctor: names planted bugs, is silent on odd but right programs, and leaves no trace."""

import random
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from arcane.diagnosis import watch


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def blobs(n: int = 240, classes: int = 3, features: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, (n,), generator=generator)
    centres = torch.randn(classes, features, generator=generator) * 2
    rows = centres[labels] + torch.randn(n, features, generator=generator)
    return (rows - rows[:200].mean(0)) / rows[:200].std(0), labels


def network(*, dropout: float = 0.0, norm: bool = False, last: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    middle = [nn.BatchNorm1d(32)] if norm else []
    end = [last] if last else []
    return nn.Sequential(
        nn.Linear(8, 32, bias=not norm), *middle, nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 3), *end
    )


def train(
    model: nn.Module | None = None,
    *,
    loss_of: Callable = F.cross_entropy,
    optimiser: Callable = lambda p: torch.optim.Adam(p, 0.01),
    zero: bool = True,
    mode: Callable = lambda model, training: model.train(training),
    scale: float = 1.0,
    epochs: int = 3,
    after_step: Callable = lambda model: None,
    evaluated: slice = slice(200, 240),
    data: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> nn.Module:
    """A plain training program with an evaluation after each epoch."""
    x, y = data or blobs()
    x = x * scale
    model = model or network()
    stepper = optimiser(model.parameters())
    for epoch in range(epochs):
        mode(model, True)
        generator = torch.Generator().manual_seed(epoch)
        for rows in torch.randperm(200, generator=generator).split(20):
            if zero:
                stepper.zero_grad()
            loss_of(model(x[rows]), y[rows]).backward()
            stepper.step()
            after_step(model)
        mode(model, False)
        with torch.no_grad():
            accuracy = (model(x[evaluated]).argmax(1) == y[evaluated]).float().mean().item()
            assert 0 <= accuracy <= 1
    return model


def codes(program: Callable[[], object], severity: tuple[str, ...] = ("error", "warning")) -> list[str]:
    with watch(show=False) as report:
        program()
    assert not [f.message for f in report.findings if f.code in ("check-failed", "not-examined")]
    return [f.code for f in report.findings if f.severity in severity]


BUGS = {
    "softmax before cross entropy": ("loss-expects-logits", lambda: train(network(last=nn.Softmax(dim=1)))),
    "softmax by hand": ("loss-expects-logits", lambda: train(loss_of=lambda o, y: F.cross_entropy(o.softmax(-1), y))),
    "nll of logits": ("loss-expects-probabilities", lambda: train(loss_of=F.nll_loss)),
    "softmax over the batch": (
        "softmax-wrong-dim", lambda: train(loss_of=lambda o, y: F.nll_loss(F.log_softmax(o, 0), y)),
    ),
    "relu on logits": ("activation-on-logits", lambda: train(network(last=nn.ReLU()))),
    "wrong sign": ("loss-sign-flipped", lambda: train(loss_of=lambda o, y: -F.cross_entropy(o, y))),
    "uphill": (
        "loss-sign-flipped", lambda: train(optimiser=lambda p: torch.optim.SGD(p, 0.01, maximize=True)),
    ),
    "loss cut": ("loss-clipped", lambda: train(loss_of=lambda o, y: F.cross_entropy(o, y).clamp(max=0.5))),
    "sum": ("loss-sum-reduction", lambda: train(loss_of=lambda o, y: F.cross_entropy(o, y, reduction="sum"))),
    "no zero_grad": ("gradients-accumulate", lambda: train(zero=False)),
    "raw inputs": ("input-not-normalised", lambda: train(scale=80.0)),
    "scaled twice": ("input-over-normalised", lambda: train(scale=1 / 255)),
    "never in eval mode": (
        "train-mode-in-evaluation", lambda: train(network(dropout=0.3), mode=lambda model, training: None),
    ),
    "train mode never restored": (
        "eval-mode-in-training",
        lambda: train(network(dropout=0.3), mode=lambda model, training: None if training else model.eval()),
    ),
    "no non-linearity": (
        "missing-nonlinearity", lambda: train(nn.Sequential(nn.Linear(8, 32), nn.Linear(32, 3))),
    ),
    "evaluated on training rows": ("train-validation-overlap", lambda: train(evaluated=slice(150, 240))),
    "head alone": (
        "parameter-not-in-optimiser", lambda: train(optimiser=lambda p: torch.optim.Adam(list(p)[2:], 0.01)),
    ),
    "clip after step": (
        "clip-after-step", lambda: train(after_step=lambda m: nn.utils.clip_grad_norm_(m.parameters(), 1.0)),
    ),
}  # fmt: skip


def labels_of_other_rows() -> None:
    other = torch.randperm(3 * 80, generator=torch.Generator().manual_seed(5))
    x, y = blobs()
    train(data=(x, y[other]))


def hinge(low: int) -> None:
    x, y = blobs(classes=2)
    signs = (y if low == 0 else 2 * y - 1).float()
    model = nn.Linear(8, 1)
    stepper = torch.optim.SGD(model.parameters(), 0.05)
    for epoch in range(4):
        for rows in torch.randperm(200, generator=torch.Generator().manual_seed(epoch)).split(20):
            loss = torch.clamp(1 - signs[rows] * model(x[rows]).squeeze(1), min=0).mean()
            stepper.zero_grad()
            loss.backward()
            stepper.step()


def density(sign: int) -> None:
    x, _ = blobs()
    torch.manual_seed(0)
    model = nn.Linear(7, 2)
    stepper = torch.optim.Adam(model.parameters(), 0.01)
    for epoch in range(4):
        for rows in torch.randperm(200, generator=torch.Generator().manual_seed(epoch)).split(20):
            mean, log_scale = model(x[rows, :7]).unbind(1)
            likelihood = torch.distributions.Normal(mean, log_scale.clamp(-3, 3).exp()).log_prob(x[rows, 7])
            stepper.zero_grad()
            (sign * likelihood.mean()).backward()
            stepper.step()


def judged(x_val: slice) -> None:
    x, y = blobs()
    model = train(evaluated=x_val)
    with torch.no_grad():
        print((model(x[x_val]).argmax(1) == y[x_val]).sum().item())


BUGS |= {
    "labels of other rows": ("labels-out-of-order", labels_of_other_rows),
    "a hinge on 0 and 1": ("label-format-mismatch", lambda: hinge(0)),
    "a likelihood that falls": ("loss-sign-flipped", lambda: density(1)),
    "validated on the training rows": ("train-validation-overlap", lambda: judged(slice(0, 200))),
    "a rate of nothing": (
        "learning-rate-too-low", lambda: train(optimiser=lambda p: torch.optim.SGD(p, 2e-7, momentum=0.9)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_the_first_finding(name: str):
    code, program = BUGS[name]
    assert codes(program)[:1] == [code]


def test_a_bias_before_batch_norm_is_no_more_than_a_note():
    model = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))
    assert codes(lambda: train(model), ("error", "warning", "note")) == ["bias-before-batch-norm"]
    assert codes(lambda: train(model)) == []


def accumulate() -> None:
    x, y = blobs()
    model = network()
    stepper = torch.optim.Adam(model.parameters(), 0.01)
    for epoch in range(4):
        order = torch.randperm(200, generator=torch.Generator().manual_seed(epoch))
        for number, rows in enumerate(order.split(10)):
            (F.cross_entropy(model(x[rows]), y[rows]) / 4).backward()
            if number % 4 == 3:
                stepper.step()
                stepper.zero_grad()


def by_hand() -> None:
    x, y = blobs()
    model = network()
    for epoch in range(4):
        for rows in torch.randperm(200, generator=torch.Generator().manual_seed(epoch)).split(20):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                for p, g in zip(model.parameters(), gradients, strict=True):
                    p -= 0.1 * g


def frozen_backbone() -> None:
    model = network()
    model[0].requires_grad_(False)
    train(model, optimiser=lambda p: torch.optim.Adam([q for q in p if q.requires_grad], 0.01))


def closures() -> None:
    x, y = blobs()
    model = network()
    stepper = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)

    def closure() -> torch.Tensor:
        stepper.zero_grad()
        loss = F.cross_entropy(model(x[:200]), y[:200])
        loss.backward()
        return loss

    for _ in range(6):
        stepper.step(closure)


def monte_carlo() -> None:
    x, _ = blobs()
    model = train(network(dropout=0.3))
    model.eval()
    model[2].train()
    with torch.no_grad():
        samples = torch.stack([model(x[200:]).softmax(1) for _ in range(8)])
    assert samples.var(0).max() > 0


def two_optimisers() -> None:
    torch.manual_seed(0)
    maker, judge = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)), nn.Linear(2, 1)
    first, second = torch.optim.Adam(maker.parameters(), 1e-3), torch.optim.Adam(judge.parameters(), 1e-3)
    for _ in range(20):
        real, noise = torch.randn(32, 2), torch.randn(32, 4)
        second.zero_grad()
        scores = judge(real), judge(maker(noise).detach())
        (F.binary_cross_entropy_with_logits(scores[0], torch.ones(32, 1))
         + F.binary_cross_entropy_with_logits(scores[1], torch.zeros(32, 1))).backward()  # fmt: skip
        second.step()
        first.zero_grad()
        F.binary_cross_entropy_with_logits(judge(maker(noise)), torch.ones(32, 1)).backward()
        first.step()


def padded() -> None:
    """`nn.Embedding(padding_idx=0)` changes a view of its weights that torch refuses to be asked about."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(11, 8, padding_idx=0), nn.Flatten(), nn.Linear(32, 3))
    tokens = torch.randint(0, 11, (200, 4))
    labels = tokens[:, 0] % 3
    stepper = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(4):
        for rows in torch.randperm(200).split(20):
            stepper.zero_grad()
            F.cross_entropy(model(tokens[rows]), labels[rows]).backward()
            stepper.step()


RIGHT = {
    "plain": train,
    "plain SGD at 0.1": lambda: train(optimiser=lambda p: torch.optim.SGD(p, 0.1)),
    "log-softmax twice": lambda: train(network(last=nn.LogSoftmax(dim=1))),
    "batch norm and dropout": lambda: train(network(norm=True, dropout=0.2)),
    "accumulation": accumulate,
    "steps by hand": by_hand,
    "frozen backbone": frozen_backbone,
    "closures": closures,
    "Monte Carlo dropout": monte_carlo,
    "two optimisers": two_optimisers,
    "a hinge on -1 and +1": lambda: hinge(-1),
    "a likelihood that grows": lambda: density(-1),
    "judged on new rows": lambda: judged(slice(200, 240)),
    "an embedding with padding": padded,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_gets_no_error_and_no_warning(name: str):
    assert codes(RIGHT[name]) == []


def test_weights_random_state_and_modes_are_the_same_bits():
    def run() -> tuple:
        torch.manual_seed(3)
        np.random.seed(3)
        random.seed(3)
        model = train(network(norm=True, dropout=0.3))
        return [p.detach().clone() for p in model.state_dict().values()], torch.get_rng_state(), model.training, (
            np.random.random(), random.random(),
        )  # fmt: skip

    plain = run()
    with watch(show=False):
        watched = run()
    assert all(torch.equal(a, b) for a, b in zip(plain[0], watched[0], strict=True))
    assert torch.equal(plain[1], watched[1])
    assert plain[2:] == watched[2:]


def test_nothing_of_the_watch_stays_in_torch():
    before = torch.autograd.backward, torch.optim.Optimizer.zero_grad, print, torch.nn.utils.clip_grad_norm_
    with watch(show=False):
        train(epochs=1)
    assert before == (torch.autograd.backward, torch.optim.Optimizer.zero_grad, print, torch.nn.utils.clip_grad_norm_)
    assert not torch.nn.modules.module._has_any_global_hook()
    assert not torch.overrides._get_current_function_mode_stack()


def test_the_line_is_named_and_a_comment_on_it_silences():
    def loud(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(outputs.softmax(1), y)

    def quiet(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(outputs.softmax(1), y)  # arcane: ignore[loss-expects-logits]

    with watch(show=False) as report:
        train(loss_of=loud)
    file, _, line = report.findings[0].location.rpartition(":")
    assert file.endswith("test_doctor_watch.py")
    assert int(line) == loud.__code__.co_firstlineno + 1
    assert "loss-expects-logits" not in codes(lambda: train(loss_of=quiet))


def test_an_accepted_code_is_a_note():
    with watch(show=False, accept=("gradients-accumulate",)) as report:
        train(zero=False)
    assert {f.code: f.severity for f in report.findings}["gradients-accumulate"] == "note"
    assert not report.errors


def test_partial_batches_in_a_metric_are_found():
    def program(wrong: bool) -> None:
        x, y = blobs()
        model = train(network(), epochs=1)
        model.eval()
        loader = DataLoader(TensorDataset(x[200:], y[200:]), batch_size=16)
        with torch.no_grad():
            shares = [
                ((model(a).argmax(1) == (b + (i == 2)) % 3).float().mean().item(), len(b))
                for i, (a, b) in enumerate(loader)
            ]
        accuracy = sum(s for s, _ in shares) / 3 if wrong else sum(s * n for s, n in shares) / 40
        print(f"accuracy {accuracy:.4f}")

    assert codes(lambda: program(True)) == ["metric-wrong"]
    assert codes(lambda: program(False)) == []


def test_training_on_nothing_is_said():
    with watch(show=False) as report:
        torch.ones(3).sum()
    assert report.findings == ()
    assert report.verdict.startswith("no training was seen")


def test_a_crash_in_the_block_goes_on_and_is_evidence():
    with pytest.raises(IndexError), watch(show=False) as report:
        train(nn.Sequential(nn.Linear(8, 2)))
    assert report.findings[0].code == "label-out-of-range"


def test_a_failing_check_is_a_note(monkeypatch: pytest.MonkeyPatch):
    checks = sys.modules["arcane.diagnosis.watching.checks"].PASSIVE
    from arcane.diagnosis.watching.checks.check import PassiveCheck
    from arcane.diagnosis.watching.report import findings_of
    from arcane.diagnosis.watching.trace import Trace

    broken = PassiveCheck(("broken",), "", "", lambda trace: 1 / 0)
    found = findings_of(Trace(), checks=(broken, *checks))
    assert [f.code for f in found] == ["check-failed"]
    assert "ZeroDivisionError" in found[0].message


def said(code: str, severity: str = "error"):
    from arcane.diagnosis.watching.checks.check import PassiveCheck, found

    return PassiveCheck((code,), "", "", lambda trace: [found(code, severity, code, "", None)])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["input-not-finite", "loss-not-finite"], [("input-not-finite", "error"), ("loss-not-finite", "warning")]),
        (["gradient-does-not-flow", "dead-units"], [("dead-units", "error"), ("gradient-does-not-flow", "warning")]),
        (["dead-units", "constant-output"], [("dead-units", "error"), ("constant-output", "error")]),
        (["loss-not-finite"], [("loss-not-finite", "error")]),
    ],
)
def test_an_effect_comes_behind_its_cause_and_is_a_warning(given: list[str], expected: list[tuple[str, str]]):
    from arcane.diagnosis.watching.report import findings_of
    from arcane.diagnosis.watching.trace import Trace

    findings = findings_of(Trace(), checks=[said(code) for code in given])
    assert [(f.code, f.severity) for f in findings] == expected


def test_what_the_settings_silence_is_not_reported():
    from arcane.diagnosis.limits import Settings
    from arcane.diagnosis.watching.report import findings_of
    from arcane.diagnosis.watching.trace import Trace

    checks = [said("loss-clipped"), said("input-not-finite")]
    found = findings_of(Trace(), settings=Settings(silence=frozenset({"loss-clipped"})), checks=checks)
    assert [f.code for f in found] == ["input-not-finite"]


def long_run(
    late: Callable[[int, nn.Module], None] = lambda step, model: None, *, zero: bool = True, steps: int = 2600
):
    """Steps enough for most of them to be let by, with an evaluation every 200."""
    x, y = blobs()
    model = network(dropout=0.1)
    stepper = torch.optim.SGD(model.parameters(), 0.02)
    for step in range(steps):
        if step % 10 == 0:
            order = torch.randperm(200, generator=torch.Generator().manual_seed(step)).split(20)
        if step % 200 == 0:
            model.eval()
            with torch.no_grad():
                print((model(x[200:]).argmax(1) == y[200:]).float().mean().item())
            model.train()
        late(step, model)
        if zero:
            stepper.zero_grad(set_to_none=step % 2 == 0)
        F.cross_entropy(model(x[order[step % 10]]), y[order[step % 10]]).backward()
        stepper.step()


def test_a_long_program_is_let_by_after_a_while_and_stays_without_findings():
    with watch(show=False) as report:
        long_run()
    trace = report.trace
    assert [f.code for f in report.findings if f.severity != "note"] == []
    (optimiser,) = trace.optimisers.values()
    assert trace.steps == optimiser.steps == len(optimiser.rates) == 2600
    kept = [event for event in trace.events if event.kind == "backward"]
    assert [event.step for event in kept[:2000]] == list(range(2000))
    assert 60 <= len(kept) - 2000 <= 80  # ten of each hundred, and what is looked into
    assert {call.step for call in trace.evaluated} == set(range(0, 2600, 200))
    assert optimiser.unzeroed == 0


def test_what_goes_wrong_late_in_a_long_program_is_found():
    assert codes(lambda: long_run(zero=False))[:1] == ["gradients-accumulate"]
    stays = codes(lambda: long_run(lambda step, model: model.eval() if step > 1200 else None))
    assert stays == ["eval-mode-in-training"]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no memory"), MemoryError("no memory"), KeyError("x")])
def test_a_failure_while_watching_is_a_note_and_the_rest_is_seen(error: Exception, monkeypatch: pytest.MonkeyPatch):
    from arcane.diagnosis.watching.rows import Rows

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Rows, "see", fail)
    with watch(show=False) as report:
        train(zero=False)
    assert report.findings[0].code == "gradients-accumulate"
    notes = [f.message for f in report.findings if f.code == "not-examined"]
    assert any(type(error).__name__ in note and "times" in note for note in notes)
