"""The second half of the planted bugs, held out: whoever writes the doctor's checks does not read it."""

from .run import Bug

INPUTS_AND_SHAPES = [
    Bug(
        "accidental-broadcast",
        "forecast",
        [("return self.net(x).squeeze(-1)", "return self.net(x)")],
        "column minus row: a table of all differences",
    ),
    Bug(
        "accidental-broadcast",
        "sample_weights",
        [("return self.fc3(x)[:, 0]", "return self.fc3(x)")],
        "column minus row, and then weights along the wrong axis",
    ),
    Bug(
        "output-shape-mismatch",
        "finetune_bn_eval",
        [("model = conv_net(10)", "model = conv_net(1000)")],
        "the thousand outputs of ImageNet for ten classes",
    ),
    Bug(
        "output-shape-mismatch",
        "multilabel",
        [("model = Tagger(20, 5)", "model = Tagger(20, 6)")],
        "one output too many",
        crashes=True,
    ),
    Bug(
        "softmax-wrong-dim",
        "attention_pool",
        [("F.softmax(self.score(h), dim=1)", "F.softmax(self.score(h), dim=0)")],
        "attention over the batch, not over the points",
        also=["examples-mixed"],
    ),
    Bug(
        "softmax-wrong-dim",
        "soft_targets",
        [("F.log_softmax(self.net(x), dim=-1)", "F.log_softmax(self.net(x), dim=0)")],
        "over the batch, not over the classes",
        also=["examples-mixed"],
    ),
    Bug(
        "constant-output",
        "tabular_embeddings",
        [
            ("nn.Linear(24, 1))", "nn.Linear(24, 1), nn.Softmax(dim=1))"),
            ("criterion = nn.BCEWithLogitsLoss()", "criterion = nn.BCELoss()"),
            (
                "probability = torch.sigmoid(model(city[val], numbers[val]))",
                "probability = model(city[val], numbers[val])",
            ),
        ],
        "a softmax of one output is always one",
        also=["softmax-wrong-dim"],
    ),
    Bug(
        "constant-output",
        "forecast",
        [("nn.Linear(32, 1))", "nn.Linear(32, 1), nn.LayerNorm(1))")],
        "a layer norm of one feature gives its bias, whatever comes in",
        also=["input-ignored", "gradient-does-not-flow"],
    ),
    Bug(
        "examples-mixed",
        "char_lm",
        [("nn.GRU(width, 48, batch_first=True)", "nn.GRU(width, 48)")],
        "batch_first forgotten: the state runs from row to row",
    ),
    Bug(
        "examples-mixed",
        "sample_weights",
        [
            (
                "        x = nn.functional.elu(self.fc1(x))\n",
                "        x = (x - x.mean(dim=0)) / x.std(dim=0)\n        x = nn.functional.elu(self.fc1(x))\n",
            )
        ],
        "standardised by the batch in the forward pass, in evaluation too",
    ),
    Bug(
        "input-not-normalised",
        "ema_weights",
        [("torch.tensor(scaler.transform(part), dtype", "torch.tensor(part, dtype")],
        "the scaler is fitted and not used",
    ),
    Bug(
        "input-not-normalised",
        "hinge_svm",
        [
            ("torch.tensor((X_train - mean) / std, dtype", "torch.tensor(X_train, dtype"),
            ("torch.tensor((X_test - mean) / std, dtype", "torch.tensor(X_test, dtype"),
        ],
        "raw features, from thousandths to thousands",
    ),
    Bug(
        "input-over-normalised",
        "uint8_images",
        [(".astype(np.float32)\n", ".astype(np.float32) / 255.0\n")],
        "scaled to one, then standardised by the mean and deviation of bytes",
    ),
    Bug(
        "input-over-normalised",
        "amp_bf16",
        [("/ 8.0 - 1.0", "/ 16.0 / 255.0")],
        "ToTensor had already scaled",
    ),
    Bug(
        "input-not-finite",
        "compile_guarded",
        [(".std(dim=0).clamp_min(1.0)", ".std(dim=0)")],
        "pixels that are always white have no deviation",
    ),
    Bug(
        "input-not-finite",
        "tabular_embeddings",
        [("income = rng.lognormal(10, 0.5, n)", "income = rng.lognormal(10, 0.5, n) * (rng.random(n) > 0.02)")],
        "the logarithm of an income of nought",
    ),
    Bug(
        "input-casting",
        "pretrained_torchvision",
        [("images.float() / 255.0", "(images // 255).float()")],
        "integer division: all but the brightest pixels are nought",
        also=["input-degenerate"],
    ),
    Bug(
        "input-casting",
        "multilabel",
        [
            (
                "(torch.tensor((a - mean) / std, dtype=torch.float32) for a in (X_train, X_val))",
                "(torch.tensor((a - mean) / std, dtype=torch.int64).float() for a in (X_train, X_val))",
            )
        ],
        "standardised features cut down to whole numbers",
    ),
    Bug(
        "input-degenerate",
        "swa",
        [("train_test_split(x / 16, y,", "train_test_split((x > 16) / 1.0, y,")],
        "made black and white by a threshold that nothing reaches",
        also=["input-ignored", "constant-output"],
    ),
    Bug(
        "input-degenerate",
        "workers",
        [("self.images[i]", "self.images[i // len(self)]")],
        "a slip in the index: every image is the first",
        also=["input-ignored", "constant-output"],
    ),
    Bug(
        "pretrained-normalisation-mismatch",
        "finetune_bn_eval",
        [('images = (images - saved["mean"]) / saved["std"]\n', "images = images / 16.0\n")],
        "scaled to one; the saved network wants mean nought and deviation one",
    ),
    Bug(
        "pretrained-normalisation-mismatch",
        "pretrained_torchvision",
        [("mean=recipe.mean, std=recipe.std", "mean=[0.5] * 3, std=[0.5] * 3")],
        "the half and half of another library",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "checkpoint_resume",
        [("torch.tensor((x_val - mean) / std).float()", "torch.tensor(x_val).float()")],
        "validation is not standardised",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "wine_trainer",
        [("scaler.transform(X_test)", "StandardScaler().fit_transform(X_test)")],
        "the test rows are scaled by their own mean and deviation",
    ),
    Bug(
        "input-ignored",
        "gru_adding",
        [("self.rnn(x)", "self.rnn(torch.zeros_like(x))")],
        "a blank left from a test of shapes",
        also=["constant-output"],
    ),
    Bug(
        "input-ignored",
        "attention_pool",
        [("pooled = (weights * h).sum(dim=1)", "pooled = weights.sum(dim=1).expand(-1, h.shape[2])")],
        "the weights are summed without what they weigh: always one",
        also=["constant-output"],
    ),
]

LABELS = [
    Bug(
        "labels-out-of-order",
        "noisy_batches_bn",
        [("y = torch.tensor(y)[order]", "y = torch.tensor(y)")],
        "inputs are shuffled, labels are not",
    ),
    Bug(
        "labels-out-of-order",
        "digits_cnn",
        [
            (
                "    mean, std = x_train.mean(), x_train.std()\n",
                "    x_train = x_train[torch.randperm(len(x_train)).numpy()]\n"
                "    mean, std = x_train.mean(), x_train.std()\n",
            )
        ],
        "inputs are shuffled by themselves",
    ),
    Bug(
        "labels-corrupt",
        "compile_guarded",
        [
            (
                "targets = torch.tensor(digits.target)\n",
                "targets = torch.tensor(digits.target)\ntargets[::2] = 9 - targets[::2]\n",
            )
        ],
        "the second annotator counted from the other end",
    ),
    Bug(
        "labels-corrupt",
        "accumulate",
        [("    x = (x - 4.9)", "    y[: len(y) // 2] = (y[: len(y) // 2] + 1) % 10\n    x = (x - 4.9)")],
        "the first file's classes begin at one, the second's at nought",
    ),
    Bug(
        "label-out-of-range",
        "one_cycle",
        [("nn.Linear(32, 10))", "nn.Linear(32, 9))")],
        "nine outputs for the labels 0 to 9",
        also=["output-shape-mismatch"],
        crashes=True,
    ),
    Bug(
        "label-out-of-range",
        "siamese_bn",
        [("(y[self.left] == y[self.right]).float()", "2 * (y[self.left] == y[self.right]).float() - 1")],
        "targets of minus one, for a loss of 0 and 1",
        also=["label-format-mismatch"],
    ),
    Bug(
        "label-format-mismatch",
        "checkpoint_resume",
        [
            (
                "torch.tensor(y_train), torch.tensor(y_val)",
                "nn.functional.one_hot(torch.tensor(y_train)), torch.tensor(y_val)",
            )
        ],
        "one-hot integers, where indices are wanted",
        crashes=True,
    ),
    Bug(
        "label-format-mismatch",
        "cosine_pairs",
        [("torch.where(y[first] == y[second], 1.0, -1.0)", "torch.where(y[first] == y[second], 1.0, 0.0)")],
        "0 for different: the loss knows 1 and -1 only, and ignores the rest",
        also=["label-out-of-range"],
    ),
    Bug(
        "single-class",
        "heavy_tails",
        [("x[:, 4:].sum(1) > 0).long()", "x[:, 4:].sum(1) > 1000).long()")],
        "a threshold in another unit",
    ),
    Bug(
        "single-class",
        "label_smoothing",
        [("y = torch.tensor(y)\n", "y = torch.tensor(y // 10)\n")],
        "the tens of a number below ten",
    ),
    Bug(
        "data-not-shuffled",
        "compile_guarded",
        [("train[torch.randperm(len(train))].split(50)", "train[targets[train].argsort()].split(50)")],
        "class after class",
    ),
    Bug(
        "data-not-shuffled",
        "uint8_images",
        [
            (
                "train_rows, val_rows = order[:1200], order[1200:]\n",
                "train_rows, val_rows = order[:1200], order[1200:]\n"
                'train_rows = train_rows[np.argsort(digits.target[train_rows], kind="stable")]\n',
            ),
            ("batch_size=60, shuffle=True", "batch_size=60"),
        ],
        "files sorted by folder, read in that order",
    ),
    Bug(
        "augmentation-breaks-labels",
        "arrows_augmented",
        [
            (
                "    return image.roll((dy, dx)",
                "    image = image.rot90(int(torch.randint(0, 4, ())), dims=(1, 2))\n    return image.roll((dy, dx)",
            )
        ],
        "turned, an arrow points elsewhere",
    ),
    Bug(
        "augmentation-breaks-labels",
        "mixup",
        [("loss = mixed_loss(model(mixed), first, second, share)", "loss = F.cross_entropy(model(mixed), first)")],
        "images are mixed, labels are not",
    ),
]

LOSSES = [
    Bug(
        "loss-expects-logits",
        "multilabel",
        [
            ("return self.linear2(x)", "return torch.sigmoid(self.linear2(x))"),
            ("(torch.sigmoid(model(X_val)) > 0.5)", "(model(X_val) > 0.5)"),
        ],
        "sigmoid in the model and in the loss",
    ),
    Bug(
        "loss-expects-logits",
        "lstm_clipped",
        [("return self.fc(output[:, -1])", "return self.fc(output[:, -1]).softmax(-1)")],
        "softmax in the model and in the loss",
    ),
    Bug(
        "loss-expects-probabilities",
        "iris_nll",
        [("F.log_softmax(self.layer3(x), dim=1)", "F.softmax(self.layer3(x), dim=1)")],
        "NLL of probabilities whose logarithm was forgotten",
    ),
    Bug(
        "loss-expects-probabilities",
        "soft_targets",
        [("F.log_softmax(self.net(x), dim=-1)", "F.softmax(self.net(x), dim=-1)")],
        "kl_div wants log-probabilities first",
    ),
    Bug(
        "activation-on-logits",
        "digits_cnn",
        [("return self.fc(x)", "return F.relu(self.fc(x))")],
        "a ReLU on the logits",
    ),
    Bug(
        "activation-on-logits",
        "imbalanced",
        [("nn.Linear(24, 1), nn.Flatten(0)", "nn.Linear(24, 1), nn.ReLU(), nn.Flatten(0)")],
        "a logit that cannot be negative",
        also=["output-range-cannot-reach-targets"],
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "autoencoder",
        [(") / 16.0\n", ") / 8.0 - 1.0\n")],
        "pixels from -1 to 1, a sigmoid at the end",
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "forecast",
        [("nn.Linear(32, 1))", "nn.Linear(32, 1), nn.Tanh())")],
        "standardised targets reach beyond one, tanh does not",
    ),
    Bug(
        "loss-target-mismatch",
        "siamese_bn",
        [("criterion = nn.BCEWithLogitsLoss()", "criterion = nn.MSELoss()")],
        "squared error of a logit against 0 and 1, then judged by its sign",
    ),
    Bug(
        "loss-target-mismatch",
        "forecast",
        [("nn.functional.mse_loss(model(x), y)", "nn.functional.binary_cross_entropy_with_logits(model(x), y)")],
        "cross-entropy for real targets",
        also=["label-out-of-range", "label-format-mismatch"],
    ),
    Bug(
        "loss-at-init-off",
        "one_cycle",
        [("criterion(model(x), y)", "criterion(model(x) * 30.0, y)")],
        "a temperature on the wrong side of the bar",
    ),
    Bug(
        "loss-at-init-off",
        "plateau",
        [
            (
                "y_train = torch.tensor(y_scaler.transform(y_train.reshape(-1, 1)))",
                "y_train = torch.tensor(y_train.reshape(-1, 1))",
            ),
            (
                "y_valid = torch.tensor(y_scaler.transform(y_valid.reshape(-1, 1)))",
                "y_valid = torch.tensor(y_valid.reshape(-1, 1))",
            ),
        ],
        "targets around 150, an output that starts at nought",
    ),
    Bug(
        "loss-sign-flipped",
        "functional_tensors",
        [("return -log_probabilities[range", "return log_probabilities[range")],
        "the likelihood is minimised",
    ),
    Bug(
        "loss-sign-flipped",
        "corridor_reinforce",
        [("loss = -(log_probs * advantage)", "loss = (log_probs * advantage)")],
        "without the minus it learns to walk to the wrong end",
    ),
    Bug(
        "loss-clipped",
        "lstm_clipped",
        [
            (
                "        loss.backward()\n        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)\n",
                "        loss = torch.clamp(loss, max=1.0)\n        loss.backward()\n",
            )
        ],
        "clips the loss where gradients were meant",
        also=["gradient-does-not-flow"],
    ),
    Bug(
        "loss-clipped",
        "residual",
        [
            (
                "        optimizer.zero_grad()\n        loss.backward()\n",
                "        loss = torch.minimum(loss, torch.tensor(1.5))\n"
                "        optimizer.zero_grad()\n        loss.backward()\n",
            )
        ],
        "a minimum against outliers: the gradient is nought where the loss is high",
        also=["gradient-does-not-flow"],
    ),
    Bug(
        "loss-sum-reduction",
        "unicode_print",
        [
            (
                "nn.functional.mse_loss(modell(x[teil]), y[teil])",
                'nn.functional.mse_loss(modell(x[teil]), y[teil], reduction="sum")',
            )
        ],
        "the sum over the batch, at a learning rate for the mean",
        also=["learning-rate-too-high"],
    ),
    Bug(
        "loss-sum-reduction",
        "scaler_disabled",
        [
            (
                "nn.functional.cross_entropy(model(train_x[index]), train_y[index])",
                'nn.functional.cross_entropy(model(train_x[index]), train_y[index], reduction="sum")',
            )
        ],
        "the sum over the batch; clipping hides it",
        also=["learning-rate-too-high"],
    ),
    Bug(
        "loss-not-finite",
        "recommender",
        [("        loss = mse(model(u, i), r)\n", "        loss = mse(torch.log(model(u, i)), torch.log(r))\n")],
        "the logarithm of a rating below nought",
        also=["gradient-not-finite", "label-out-of-range"],
    ),
    Bug(
        "loss-not-finite",
        "gaussian_nll",
        [
            ("nn.functional.softplus(self.raw_variance(h)) + 1e-4", "self.raw_variance(h)"),
            (
                "        loss = loss_fn(mean, y_train[batch], variance)\n",
                "        loss = 0.5 * (variance.log() + (mean - y_train[batch]) ** 2 / variance).mean()\n",
            ),
            (
                "    nll = loss_fn(mean, y_val, variance).item()\n",
                "    nll = 0.5 * (variance.log() + (mean - y_val) ** 2 / variance).mean().item()\n",
            ),
        ],
        "a variance that may be negative, and its logarithm",
        also=["gradient-not-finite"],
    ),
]

MODELS = [
    Bug(
        "bias-before-batch-norm",
        "siamese_bn",
        [
            ("nn.Linear(64, 64, bias=False)", "nn.Linear(64, 64)"),
            ("nn.Linear(64, 24, bias=False)", "nn.Linear(64, 24)"),
        ],
        "the norm takes the bias off again",
    ),
    Bug(
        "bias-before-batch-norm",
        "conv1d_signals",
        [("nn.Conv1d(cin, cout, 5, padding=2, bias=False)", "nn.Conv1d(cin, cout, 5, padding=2)")],
        "the norm takes the bias off again",
    ),
    Bug(
        "missing-nonlinearity",
        "one_cycle",
        [
            (
                "nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(),",
                "nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32),",
            )
        ],
        "two linear layers are one",
    ),
    Bug(
        "missing-nonlinearity",
        "sample_weights",
        [
            ("x = nn.functional.elu(self.fc1(x))", "x = self.fc1(x)"),
            ("x = nn.functional.elu(self.fc2(x))", "x = self.fc2(x)"),
        ],
        "activations forgotten in forward",
    ),
    Bug(
        "dead-units",
        "one_cycle",
        [
            (
                "nn.Linear(32, 10))\n",
                "nn.Linear(32, 10))\n    nn.init.constant_(net[2].bias, -20.0)\n",
            )
        ],
        "a bias so low that no unit of the second layer fires",
        also=["bad-initialisation", "constant-output"],
    ),
    Bug(
        "dead-units",
        "attention_pool",
        [
            (
                "        self.embed = nn.Linear(features, width)\n",
                "        self.embed = nn.Linear(features, width)\n        nn.init.constant_(self.embed.bias, -50.0)\n",
            )
        ],
        "a bias so low that no unit fires",
        also=["bad-initialisation", "constant-output"],
    ),
    Bug(
        "saturated-units",
        "functional_tensors",
        [("(torch.randn(64, 50) / math.sqrt(64))", "(torch.randn(64, 50) * math.sqrt(64))")],
        "multiplied by the root in place of divided: tanh is plus or minus one",
        also=["bad-initialisation"],
    ),
    Bug(
        "saturated-units",
        "lbfgs_regression",
        [
            (
                "optimizer = torch.optim.LBFGS",
                "net[0].weight.data.fill_(500.0)\noptimizer = torch.optim.LBFGS",
            )
        ],
        "weights so large that tanh is plus or minus one",
        also=["bad-initialisation"],
    ),
    Bug(
        "bad-initialisation",
        "frozen_backbone",
        [
            (
                "        self.fc = nn.Linear(16 * 16, 128)\n",
                "        self.fc = nn.Linear(16 * 16, 128)\n"
                "        for weight in (self.conv.weight, self.fc.weight):\n"
                "            nn.init.normal_(weight, std=1.0)\n",
            )
        ],
        "a deviation of one, whatever the width: activations of many times their input",
        also=["loss-at-init-off"],
    ),
    Bug(
        "bad-initialisation",
        "functional_tensors",
        [
            (
                "w1 = (torch.randn(64, 50) / math.sqrt(64)).requires_grad_()",
                "w1 = torch.zeros(64, 50, requires_grad=True)",
            ),
            (
                "w2 = (torch.randn(50, 10) / math.sqrt(50)).requires_grad_()",
                "w2 = torch.zeros(50, 10, requires_grad=True)",
            ),
        ],
        "all zeros: nothing but the last bias ever learns",
        also=["constant-output", "gradient-does-not-flow"],
    ),
    Bug(
        "parameter-not-registered",
        "mixture_of_experts",
        [("nn.ModuleList(\n            [nn.Sequential", "list(\n            [nn.Sequential")],
        "experts in a plain list are not the model's",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "parameter-not-registered",
        "multitask",
        [
            ("self.ink = nn.Linear(64, 1)", 'self.heads = {"ink": nn.Linear(64, 1)}'),
            ("self.ink(h)[:, 0]", 'self.heads["ink"](h)[:, 0]'),
        ],
        "a head in a plain dictionary is not the model's",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "batch-norm-batch-too-small",
        "siamese_bn",
        [("batch_size=60, shuffle=True", "batch_size=2, shuffle=True"), ("range(6)", "range(1)")],
        "statistics of two rows",
    ),
    Bug(
        "batch-norm-batch-too-small",
        "swa",
        [("batch_size=64, shuffle=True", "batch_size=1, shuffle=True")],
        "statistics of one row",
        crashes=True,
    ),
]

GRADIENTS_AND_OPTIMISERS = [
    Bug(
        "gradient-does-not-flow",
        "custom_autograd",
        [("SignSTE.apply(self.encode(x))", "torch.sign(self.encode(x))")],
        "a sign has no slope: the encoder never learns",
    ),
    Bug(
        "gradient-does-not-flow",
        "attention_pool",
        [("pooled = (weights * h).sum(dim=1)", "pooled = (weights * h).sum(dim=1).data")],
        ".data cuts the graph",
    ),
    Bug(
        "gradient-vanishing",
        "compile_guarded",
        [
            ("x = torch.relu(layer(x))", "x = torch.sigmoid(layer(x))"),
            ("MLP([64, 64, 32, 10])", "MLP([64, *[32] * 12, 10])"),
        ],
        "twelve sigmoids",
    ),
    Bug(
        "gradient-exploding",
        "char_lm",
        [
            ("CONTEXT = 16", "CONTEXT = 60"),
            (
                "self.rnn = nn.GRU(width, 48, batch_first=True)",
                'self.rnn = nn.RNN(width, 48, nonlinearity="relu", batch_first=True)\n'
                "        nn.init.normal_(self.rnn.weight_hh_l0, std=0.3)",
            ),
            ("    nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n", ""),
        ],
        "sixty steps of a ReLU recurrence that grows, and no clipping",
        also=["bad-initialisation", "loss-at-init-off"],
    ),
    Bug(
        "gradient-exploding",
        "warmup_lambda",
        [
            ("nn.init.xavier_uniform_(module.weight)", "nn.init.normal_(module.weight, std=0.8)"),
            ("layers = [nn.Linear(64, width), nn.Tanh()]", "layers = [nn.Linear(64, width), nn.ReLU()]"),
            ("layers += [nn.Linear(width, width), nn.Tanh()]", "layers += [nn.Linear(width, width), nn.ReLU()]"),
        ],
        "each of six layers makes its input four times as large, and the gradient too",
        also=["bad-initialisation", "loss-at-init-off"],
    ),
    Bug(
        "gradient-not-finite",
        "soft_targets",
        [
            (
                'loss = F.kl_div(model(x), target, reduction="batchmean")',
                "loss = -torch.sqrt(model(x).exp() * target).sum(dim=1).log().mean()",
            )
        ],
        "the Bhattacharyya distance: the slope of a root at nought, where a class got no vote",
    ),
    Bug(
        "gradients-accumulate",
        "functional_tensors",
        [("        optimizer.zero_grad()\n", ""), ("lr=5e-3", "lr=5e-4")],
        "zero_grad forgotten, at a learning rate so small that the metric hardly shows it",
    ),
    Bug("gradients-accumulate", "gan_toy", [("    opt_g.zero_grad()\n", "")], "of two optimisers, one is not zeroed"),
    Bug(
        "gradients-accumulate",
        "lightning_manual",
        [("        second.zero_grad()\n", "")],
        "manual optimisation: of two optimisers, one is not zeroed",
    ),
    Bug(
        "clip-after-step",
        "density_flow",
        [
            (
                "        torch.nn.utils.clip_grad_norm_(flow.parameters(), 10.0)\n        optimizer.step()\n",
                "        optimizer.step()\n        torch.nn.utils.clip_grad_norm_(flow.parameters(), 10.0)\n",
            )
        ],
        "clipped when the step is done",
    ),
    Bug(
        "clip-after-step",
        "transformer_tokens",
        [
            (
                "            nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n            optimizer.step()\n",
                "            optimizer.step()\n            nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n",
            )
        ],
        "clipped when the step is done",
    ),
    Bug(
        "backward-in-evaluation",
        "plateau",
        [
            (
                "    with torch.no_grad():\n        valid_loss = criterion(model(X_valid), y_valid).item()\n",
                "    optimizer.zero_grad()\n    valid_loss = criterion(model(X_valid), y_valid)\n"
                "    valid_loss.backward()\n    optimizer.step()\n    valid_loss = valid_loss.item()\n",
            )
        ],
        "the steps of training copied: it learns from validation",
    ),
    Bug(
        "backward-in-evaluation",
        "segmentation",
        [
            (
                "with torch.no_grad():\n    for images, masks in val_loader:\n        correct += ",
                "with torch.enable_grad():\n    for images, masks in val_loader:\n"
                "        F.cross_entropy(model(images), masks).backward()\n        correct += ",
            )
        ],
        "a backward pass left in the test loop",
    ),
    Bug(
        "parameter-not-in-optimiser",
        "functional_tensors",
        [("torch.optim.Adam(parameters, lr=5e-3)", "torch.optim.Adam([w2, b2], lr=5e-3)")],
        "the first layer was not given to the optimiser",
    ),
    Bug(
        "parameter-not-in-optimiser",
        "tabular_embeddings",
        [("torch.optim.Adam(model.parameters(),", "torch.optim.Adam(model.mlp.parameters(),")],
        "the embedding was not given to the optimiser",
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "frozen_backbone",
        [("torch.optim.Adam(head.parameters(), lr=5e-3)", "torch.optim.Adam(first[1].parameters(), lr=5e-3)")],
        "the optimiser has the head of the model before",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "amp_bf16",
        [
            (
                "    criterion = nn.CrossEntropyLoss()\n",
                "    model = ConvNet().to(DEVICE)\n    criterion = nn.CrossEntropyLoss()\n",
            )
        ],
        "a cell run again: the model is new, the optimiser holds the old one",
        also=["parameter-not-in-optimiser"],
    ),
    Bug("learning-rate-too-high", "conv1d_signals", [("lr=0.05", "lr=50.0")], "SGD at fifty"),
    Bug("learning-rate-too-high", "char_lm", [("lr=1e-2", "lr=3.0")], "Adam at three"),
    Bug("learning-rate-too-low", "lstm_clipped", [("lr=2e-2", "lr=1e-7")], "a slip in the exponent"),
    Bug("learning-rate-too-low", "forecast", [("lr=3e-3", "lr=1e-7")], "a slip in the exponent"),
    Bug(
        "schedule-stepped-wrongly",
        "warmup_lambda",
        [
            (
                "            optimizer.step()\n            scheduler.step()\n",
                "            optimizer.step()\n        scheduler.step()\n",
            )
        ],
        "a schedule of batches, stepped by epoch: it stays in its warm-up",
    ),
    Bug(
        "schedule-stepped-wrongly",
        "mixup",
        [
            (
                "            optimizer.step()\n        scheduler.step()\n",
                "            optimizer.step()\n            scheduler.step()\n",
            )
        ],
        "a schedule of epochs, stepped by batch: the rate is nothing after the first epoch",
    ),
]

MODES_AND_FLOW = [
    Bug(
        "train-mode-in-evaluation",
        "noisy_batches_bn",
        [("        model.eval()\n", "")],
        "eval() forgotten",
        also=["dropout-active-in-evaluation", "evaluation-not-deterministic"],
    ),
    Bug(
        "train-mode-in-evaluation",
        "siamese_bn",
        [("model.eval()\n", "")],
        "eval() forgotten: batch statistics of the validation pairs",
    ),
    Bug("eval-mode-in-training", "conv1d_signals", [("    net.train()\n", "")], "train mode is never restored"),
    Bug("eval-mode-in-training", "noisy_batches_bn", [("        model.train()\n", "")], "train mode is never restored"),
    Bug(
        "dropout-active-in-evaluation",
        "multilabel",
        [("x = self.dropout(x)", "x = nn.functional.dropout(x, p=0.1)")],
        "the functional dropout is on unless told otherwise",
        also=["evaluation-not-deterministic"],
    ),
    Bug(
        "dropout-active-in-evaluation",
        "noisy_batches_bn",
        [
            (
                "self.drop(torch.relu(self.bn1(self.fc1(x))))",
                "nn.functional.dropout(torch.relu(self.bn1(self.fc1(x))), 0.4)",
            )
        ],
        "the functional dropout is on unless told otherwise",
        also=["evaluation-not-deterministic"],
    ),
    Bug(
        "evaluation-not-deterministic",
        "segmentation",
        [("Shapes(80, 1)", "Shapes(80, 1, augment=True)")],
        "validation images are augmented",
        also=["train-eval-preprocessing-differ"],
    ),
    Bug(
        "evaluation-not-deterministic",
        "residual",
        [("x = self.stem(x)", "x = self.stem(x + 0.2 * torch.randn_like(x))")],
        "noise against over-fitting, in evaluation too",
    ),
    Bug(
        "train-validation-overlap",
        "amp_bf16",
        [
            ("DataLoader(val_set, batch_size=200)", "DataLoader(full, batch_size=200)"),
            ("hits / len(val_set)", "hits / len(full)"),
        ],
        "validated on all rows, those of training too",
    ),
    Bug(
        "train-validation-overlap",
        "uint8_images",
        [
            (
                "train_rows, val_rows = order[:1200], order[1200:]",
                "train_rows, val_rows = order[:1200], rng.permutation(len(images))[1200:]",
            )
        ],
        "drawn twice: two thirds of the validation rows are in training",
    ),
    Bug(
        "preprocessing-leak",
        "early_stopping",
        [
            (
                "x_mean, x_std, y_mean, y_std = x_train.mean(0), x_train.std(0),",
                "x_mean, x_std, y_mean, y_std = x.mean(0), x.std(0),",
            )
        ],
        "mean and deviation of all rows",
    ),
    Bug(
        "preprocessing-leak",
        "hinge_svm",
        [("mean, std = X_train.mean(axis=0), X_train.std(axis=0)", "mean, std = X.mean(axis=0), X.std(axis=0)")],
        "mean and deviation of all rows",
    ),
    Bug(
        "metric-wrong",
        "poisson_counts",
        [
            ("[criterion(model(x), y) * len(y) for x, y in loader]", "[criterion(model(x), y) for x, y in loader]"),
            ("sum(losses).item() / len(loader.dataset)", "sum(losses).item() / len(loader)"),
        ],
        "the mean of the batches' means, whose last is smaller",
    ),
    Bug(
        "metric-wrong",
        "cancer_bce_logits",
        [("pred = (torch.sigmoid(net(xb).squeeze(1)) > 0.5).float()", "pred = (torch.sigmoid(net(xb)) > 0.5).float()")],
        "a column against a row: every prediction is compared with every label",
        also=["accidental-broadcast"],
    ),
    Bug(
        "out-of-memory",
        "gru_adding",
        [("BATCH_SIZE = 64", "BATCH_SIZE = 64_000_000_000")],
        "a batch that fits no machine",
        crashes=True,
    ),
    Bug(
        "out-of-memory",
        "soft_targets",
        [("BATCH = 50", "BATCH = 50_000_000_000")],
        "a batch that fits no machine",
        crashes=True,
    ),
]

BUGS = [*INPUTS_AND_SHAPES, *LABELS, *LOSSES, *MODELS, *GRADIENTS_AND_OPTIMISERS, *MODES_AND_FLOW]
