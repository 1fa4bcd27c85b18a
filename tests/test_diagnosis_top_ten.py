"""The commonest bugs, written into the template's own `task.py`: the examination names each, and its line, first.

`tests/test_pipeline.py` holds that such a finding stops the pipeline with exit code 3; here each runs in this process.
"""

import importlib.util
from pathlib import Path

import pytest
import torch
from diagnosis_tasks import curves, digits, params, patients
from projects import TEMPLATE_PROJECT

from arcane.data.findings import stop_message
from arcane.data.statistics import statistics_of
from arcane.diagnosis.examine import examine

TASK = (TEMPLATE_PROJECT / "src" / "{{cookiecutter.package_name}}" / "task.py").read_text("utf-8")
TRAINED = 'loss = self.loss(self(inputs), labels)\n        self.log("train_loss", loss)'
VALIDATED = '"""The loss of a batch as it is."""\n'
AUGMENTED = "inputs = augment(inputs, self.params.train.augmentation)\n"
BUILT = "self.model = build_model(params.model, spec, statistics.absent)\n"
GIVEN = "self.model((numbers - self.mean) / self.std)"
CONFIGURED = "return configure_optimizer(self, self.params.train)"
ENTROPY = "return F.cross_entropy(outputs, labels, label_smoothing=smoothing)"
SQUARED = "return F.mse_loss(outputs / scale, labels / scale)"

CLASSES = {
    "flipped sign": ("loss-sign-flipped", {ENTROPY: ENTROPY.replace("return ", "return -")}),
    "softmax before cross entropy": (
        "loss-expects-logits",
        {ENTROPY: ENTROPY.replace("outputs,", "outputs.softmax(1),")},
    ),
    "softmax over the batch": (
        "softmax-wrong-dim",
        {ENTROPY: "return F.nll_loss(F.log_softmax(outputs, 0), labels)"},
    ),
    "labels counted from 1": ("labels-corrupt", {TRAINED: TRAINED.replace("labels)", "(labels + 1) % 10)")}),
}
NUMBERS = {
    "flipped sign": ("loss-sign-flipped", {SQUARED: SQUARED.replace("return ", "return -")}),
    "a column against a row": ("accidental-broadcast", {"outputs[:, 0]": "outputs"}),
}
ANY = {
    "no zero_grad": (
        "gradients-accumulate",
        {
            BUILT: BUILT + "        self.automatic_optimization = False\n",
            TRAINED: f"{TRAINED}\n        self.manual_backward(loss)\n        self.optimizers().step()",
        },
    ),
    "labels shuffled": (
        "labels-out-of-order",
        {TRAINED: TRAINED.replace("labels)", "labels[torch.randperm(len(labels))])")},
    ),
    "eval mode left on": ("eval-mode-in-training", {AUGMENTED: AUGMENTED + "        self.eval()\n"}),
    "train mode left on": ("train-mode-in-evaluation", {VALIDATED: VALIDATED + "        self.train()\n"}),
    "learning rate 10": (
        "learning-rate-too-high",
        {CONFIGURED: "return torch.optim.Adam(self.parameters(), 10.0)"},
    ),
    "a layer in a list": (
        "parameter-not-registered",
        {
            BUILT: BUILT + "        self.more = [torch.nn.Linear(spec.outputs, spec.outputs)]\n",
            GIVEN: f"self.more[0]({GIVEN})",
        },
    ),
    "last layer frozen": (
        "gradient-does-not-flow",
        {BUILT: BUILT + "        list(self.model.modules())[-1].requires_grad_(False)\n"},
    ),
    "not normalised": ("input-not-normalised", {GIVEN: "self.model(inputs.float() * 50)"}),
    "normalised in training alone": (
        "train-eval-preprocessing-differ",
        {GIVEN: "self.model((numbers - self.mean) / self.std if self.training else numbers * 4)"},
    ),
    "dropout in evaluation": (
        "dropout-active-in-evaluation",
        {GIVEN: "self.model(F.dropout((numbers - self.mean) / self.std, 0.3))"},
    ),
    "parameters in no optimiser": (
        "parameter-not-in-optimiser",
        {CONFIGURED: "return torch.optim.Adam(list(self.parameters())[2:], 3e-4)"},
    ),
}
PLACES = {
    "digits": (digits, {}, CLASSES | ANY),
    "curves": (curves, {"model.name": "mlp"}, CLASSES | ANY),
    "patients": (patients, {"model.name": "mlp"}, NUMBERS | ANY),
}


def task_with(changes: dict[str, str], folder: Path):
    """The class of `task.py` with some of its text replaced, as a project in `folder` has it."""
    text = TASK
    for old, new in changes.items():
        assert text.count(old) == 1, f"task.py does not hold once: {old}"
        text = text.replace(old, new)
    file = folder / "src" / "mine" / "task.py"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"task_of_{folder.name}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Task


def examined(kind, train, validation, changes, root):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        task = kind(params(changes), train.spec, statistics_of(train))
    return examine(task, train, seed=1, root=root, validation=validation)


@pytest.mark.parametrize(("place", "bug"), [(place, bug) for place, (_, _, bugs) in PLACES.items() for bug in bugs])
def test_the_bug_is_named_first_with_its_line(place, bug, tmp_path):
    torch.set_num_threads(1)
    data, changes, bugs = PLACES[place]
    code, replaced = bugs[bug]
    found = examined(task_with(replaced, tmp_path), *data(), changes, tmp_path)
    assert [f.message for f in found.findings if f.code == "check-failed"] == []
    assert [f.code for f in found.errors][:1] == [code], [(f.code, f.message) for f in found.findings]
    assert found.errors[0].location.startswith("src/mine/task.py:")
    assert found.verdict.startswith(f"{code} (src/mine/task.py:")
    assert stop_message(found.errors).startswith(f"{code}: ")


@pytest.mark.parametrize("place", PLACES)
def test_without_a_bug_there_is_no_finding(place, tmp_path):
    torch.set_num_threads(1)
    data, changes, _ = PLACES[place]
    found = examined(task_with({}, tmp_path), *data(), changes, tmp_path)
    assert found.findings == () and found.verdict == "no error found"
