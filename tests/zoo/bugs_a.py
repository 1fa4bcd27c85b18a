"""The first half of the planted bugs: whoever writes the doctor's checks may read it."""

from .run import Bug

INPUTS_AND_SHAPES = [
    Bug(
        "accidental-broadcast",
        "diabetes_regression",
        [("self.head(self.body(x)).squeeze(-1)", "self.head(self.body(x))")],
        "the last axis of one is kept, the target has none: N x N differences",
    ),
    Bug(
        "accidental-broadcast",
        "gru_adding",
        [("self.output(last[0]).squeeze(1)", "self.output(last[0])")],
        "as above, after a recurrent net",
    ),
    Bug(
        "output-shape-mismatch",
        "digits_mlp",
        [("    nn.Linear(64, 10),\n", "    nn.Linear(64, 100),\n")],
        "a hundred outputs, copied from CIFAR-100, for ten classes",
    ),
    Bug(
        "output-shape-mismatch",
        "conv1d_signals",
        [("nn.Linear(16, 3)", "nn.Linear(16, 30)")],
        "thirty outputs for three classes",
    ),
    Bug(
        "softmax-wrong-dim",
        "iris_nll",
        [("F.log_softmax(self.layer3(x), dim=1)", "F.log_softmax(self.layer3(x), dim=0)")],
        "log-softmax over the batch",
        also=["examples-mixed"],
    ),
    Bug(
        "softmax-wrong-dim",
        "mixture_of_experts",
        [("torch.softmax(self.gate(x), dim=1)", "torch.softmax(self.gate(x), dim=0)")],
        "the gates sum to one over the batch, not over the experts",
        also=["examples-mixed"],
    ),
    Bug(
        "constant-output",
        "cancer_bce_sigmoid",
        [("        nn.Sigmoid(),\n", "        nn.Softmax(dim=1),\n")],
        "a softmax of one output is always one",
        also=["softmax-wrong-dim"],
    ),
    Bug(
        "constant-output",
        "diabetes_regression",
        [("self.head = nn.Linear(width, 1)", "self.head = nn.Sequential(nn.Linear(width, 1), nn.LayerNorm(1))")],
        "a layer norm of one feature gives its bias, whatever comes in",
        also=["input-ignored", "gradient-does-not-flow"],
    ),
    Bug(
        "examples-mixed",
        "lstm_clipped",
        [("nn.LSTM(1, hidden, batch_first=True)", "nn.LSTM(1, hidden)")],
        "batch_first forgotten: the batch is read as time, and all shapes fit",
    ),
    Bug(
        "examples-mixed",
        "transformer_tokens",
        [("dropout=0.0, batch_first=True)", "dropout=0.0)")],
        "batch_first forgotten: tokens attend to the other rows",
    ),
    Bug(
        "input-not-normalised",
        "wine_trainer",
        [
            ("torch.tensor(scaler.transform(X_train),", "torch.tensor(X_train,"),
            ("torch.tensor(scaler.transform(X_test),", "torch.tensor(X_test,"),
        ],
        "the scaler is fitted and never used",
    ),
    Bug(
        "input-not-normalised",
        "cancer_bce_logits",
        [("self.features = (features - mean) / std", "self.features = features")],
        "raw features from 0.001 to 4000",
    ),
    Bug(
        "input-over-normalised",
        "plain_sgd",
        [("torch.tensor(x / 16.0,", "torch.tensor(x / 16.0 / 255.0,")],
        "scaled to one, and then again as if bytes",
    ),
    Bug(
        "input-over-normalised",
        "workers",
        [("[None] / 16.0", "[None] / 16.0 / 255.0")],
        "scaled to one, and then again as if bytes, before the mean is taken off",
    ),
    Bug(
        "input-not-finite",
        "mixup",
        [("/ (x[:1300].std(0) + 0.5)", "/ x[:1300].std(0)")],
        "corner pixels are always zero: nought by nought",
    ),
    Bug(
        "input-not-finite",
        "huber_outliers",
        [("area = np.where(np.isnan(area), self.median, area)", "area = np.asarray(area)")],
        "missing areas stay NaN",
    ),
    Bug(
        "input-casting",
        "uint8_images",
        [
            ("self.images[i].astype(np.float32)", "self.images[i] - np.uint8(self.mean)"),
            ("image = (image - self.mean) / self.std", "image = image.astype(np.float32) / np.float32(self.std)"),
        ],
        "the mean is taken off in bytes, which wrap round below zero",
    ),
    Bug(
        "input-casting",
        "digits_mlp",
        [
            (
                "x = torch.tensor(images, dtype=torch.float32)[order] / 16",
                "x = torch.tensor(images / 16, dtype=torch.int64)[order].float()",
            )
        ],
        "values from nought to one become integers: all but the darkest are zero",
    ),
    Bug(
        "input-degenerate",
        "conv1d_signals",
        [
            ("np.empty((n, 1, 40)", "np.zeros((n, 1, 40)"),
            ("self.signals[i, 0] = 2 * shape", "signal = 2 * shape"),
        ],
        "signals are made and not stored: all inputs are zero",
        also=["input-ignored", "constant-output"],
    ),
    Bug(
        "input-degenerate",
        "cancer_bce_logits",
        [("self.features[index]", "self.features[0]")],
        "an index left from a try: every row is the first",
        also=["input-ignored", "constant-output"],
    ),
    Bug(
        "pretrained-normalisation-mismatch",
        "pretrained_torchvision",
        [
            (
                "TF.normalize(images.float() / 255.0, mean=recipe.mean, std=recipe.std)",
                "images.float() / 255.0",
            )
        ],
        "pixels from nought to one, where the weights want the mean and deviation of ImageNet",
    ),
    Bug(
        "pretrained-normalisation-mismatch",
        "pretrained_tiny",
        [('images = (images - recipe["mean"]) / recipe["std"]\n', "")],
        "the saved mean and deviation are read and not applied",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "digits_mlp",
        [("x_val = (x_val - mean) / std\n", "")],
        "validation is not standardised",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "arrows_augmented",
        [
            ("+ 0.1 * torch.randn_like(image)\n", "+ 0.1 * torch.randn_like(image) * 0.5 - 0.1 / 0.5\n"),
            ("return (image - 0.1) / 0.5, self.labels[i]", "return image, self.labels[i]"),
            ("return image.roll((dy, dx), dims=(1, 2))", "return image.roll((dy, dx), dims=(1, 2)) / 0.5"),
        ],
        "the normalisation stands in the training transform only",
    ),
    Bug(
        "input-ignored",
        "transformer_tokens",
        [
            (
                "h = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))",
                "h = self.token(torch.zeros_like(tokens)) + self.position(torch.arange(tokens.shape[1]))",
            )
        ],
        "the embedding gets a blank in place of the tokens",
        also=["constant-output"],
    ),
    Bug(
        "input-ignored",
        "residual",
        [("x = self.stem(x)", "x = self.stem(torch.rand_like(x))")],
        "noise from a speed test was left in",
        also=["evaluation-not-deterministic"],
    ),
]

LABELS = [
    Bug(
        "labels-out-of-order",
        "digits_mlp",
        [("y = torch.tensor(labels)[order]", "y = torch.tensor(labels)")],
        "inputs are shuffled, labels are not",
    ),
    Bug(
        "labels-out-of-order",
        "mixup",
        [("    x, y = x[perm], y[perm]\n", "    x = x[perm]\n")],
        "inputs are shuffled, labels are not",
    ),
    Bug(
        "labels-corrupt",
        "plain_sgd",
        [("torch.tensor(y))", "torch.tensor([(k + 1) % 10 if i % 2 else k for i, k in enumerate(y)]))")],
        "one of two sources numbers its classes from one",
    ),
    Bug(
        "labels-corrupt",
        "conv1d_signals",
        [("int(self.labels[i])", "(int(self.labels[i]) if i % 3 else 0)")],
        "a third of the labels were missing and became class 0",
    ),
    Bug(
        "label-out-of-range",
        "iris_nll",
        [("ytr = torch.LongTensor(ytr)", "ytr = torch.LongTensor(ytr + 1)")],
        "classes from one to three",
        crashes=True,
    ),
    Bug(
        "label-out-of-range",
        "cancer_bce_logits",
        [("torch.tensor(self.labels[index], dtype", "torch.tensor(self.labels[index] + 1, dtype")],
        "binary labels of 1 and 2: the loss has no lower bound",
        also=["label-format-mismatch"],
    ),
    Bug(
        "label-format-mismatch",
        "scaler_disabled",
        [
            (
                "train_y, test_y = torch.as_tensor(ta, device=device),",
                "train_y, test_y = torch.as_tensor(ta).float(),",
            )
        ],
        "class indices as floats",
        crashes=True,
    ),
    Bug(
        "label-format-mismatch",
        "hinge_svm",
        [("y = 2 * y - 1  # the hinge wants -1 and +1\n", "")],
        "the hinge gets 0 and 1: rows of class 0 have a constant loss",
        also=["label-out-of-range"],
    ),
    Bug(
        "single-class",
        "iris_nll",
        [
            (
                "train_test_split(iris.data, iris.target, test_size=0.33, random_state=11, stratify=iris.target)",
                "train_test_split(iris.data[:50], iris.target[:50], test_size=0.33, random_state=11)",
            )
        ],
        "the first fifty rows, for a quick try, are all of one class",
    ),
    Bug(
        "single-class",
        "cancer_bce_logits",
        [("train_test_split(data.data, data.target,", "train_test_split(data.data, data.target == 2,")],
        "a comparison with a label that does not occur",
    ),
    Bug(
        "data-not-shuffled",
        "digits_cnn",
        [
            (
                "    mean, std = x_train.mean(), x_train.std()\n",
                "    order = y_train.argsort(kind='stable')\n"
                "    x_train, y_train = x_train[order], y_train[order]\n"
                "    mean, std = x_train.mean(), x_train.std()\n",
            ),
            (
                "DataLoader(train_set, batch_size=batch_size, shuffle=True)",
                "DataLoader(train_set, batch_size=batch_size)",
            ),
        ],
        "files lie sorted by class, and the loader does not shuffle",
    ),
    Bug(
        "data-not-shuffled",
        "lstm_clipped",
        [
            ("kind = torch.randint(0, 3, (n,))", "kind = torch.arange(n) * 3 // n"),
            ("batch_size=50, shuffle=True", "batch_size=50"),
        ],
        "made class by class, and the loader does not shuffle",
    ),
    Bug(
        "augmentation-breaks-labels",
        "arrows_augmented",
        [
            (
                "    dy, dx = torch.randint(-1, 2, (2,)).tolist()\n",
                "    if torch.rand(()) < 0.5:\n        image = image.flip(-1)\n"
                "    dy, dx = torch.randint(-1, 2, (2,)).tolist()\n",
            )
        ],
        "mirrored, an arrow to the left points to the right",
    ),
    Bug(
        "augmentation-breaks-labels",
        "segmentation",
        [("image, mask = image.flip(-1), mask.flip(-1)", "image = image.flip(-1)")],
        "the image is mirrored, its mask is not",
    ),
]

LOSSES = [
    Bug(
        "loss-expects-logits",
        "digits_mlp",
        [("    nn.Linear(64, 10),\n", "    nn.Linear(64, 10),\n    nn.Softmax(dim=1),\n")],
        "softmax in the model and in the loss",
    ),
    Bug(
        "loss-expects-logits",
        "cancer_bce_logits",
        [
            ("nn.Linear(16, 1))", "nn.Linear(16, 1), nn.Sigmoid())"),
            ("(torch.sigmoid(net(xb).squeeze(1)) > 0.5)", "(net(xb).squeeze(1) > 0.5)"),
        ],
        "sigmoid in the model and in the loss",
    ),
    Bug(
        "loss-expects-probabilities",
        "iris_nll",
        [("return F.log_softmax(self.layer3(x), dim=1)", "return self.layer3(x)")],
        "NLL of raw scores: no lower bound",
    ),
    Bug(
        "loss-expects-probabilities",
        "cancer_bce_sigmoid",
        [("        nn.Sigmoid(),\n", "")],
        "BCELoss of raw scores",
        crashes=True,
    ),
    Bug(
        "activation-on-logits",
        "wine_trainer",
        [("return self.out(self.dropout(h))", "return torch.relu(self.out(self.dropout(h)))")],
        "a ReLU on the logits",
    ),
    Bug(
        "activation-on-logits",
        "lightning_digits",
        [("nn.Linear(48, 10))", "nn.Linear(48, 10), nn.ReLU())")],
        "each Linear got its ReLU, the last one too",
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "diabetes_regression",
        [("return self.head(self.body(x)).squeeze(-1)", "return torch.sigmoid(self.head(self.body(x))).squeeze(-1)")],
        "a sigmoid cannot give standardised targets",
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "lbfgs_regression",
        [("torch.nn.Linear(20, 1))", "torch.nn.Linear(20, 1), torch.nn.ReLU())")],
        "a ReLU at the end; half of the targets are negative",
    ),
    Bug(
        "loss-target-mismatch",
        "digits_mlp",
        [
            ("    nn.Linear(64, 10),\n", "    nn.Linear(64, 1),\n"),
            ("nn.CrossEntropyLoss()", "nn.MSELoss()"),
            ("criterion(logits, y_train[rows])", "criterion(logits.squeeze(1), y_train[rows].float())"),
            ("(model(x_val).argmax(1) == y_val)", "(model(x_val).squeeze(1).round() == y_val)"),
        ],
        "the class's number as a regression target",
    ),
    Bug(
        "loss-target-mismatch",
        "multilabel",
        [("nn.BCEWithLogitsLoss()", "nn.CrossEntropyLoss()")],
        "one softmax over tags that do not exclude each other",
    ),
    Bug(
        "loss-at-init-off",
        "digits_mlp",
        [
            (
                "criterion = nn.CrossEntropyLoss()\n",
                "nn.init.normal_(model[2].weight, std=3.0)\ncriterion = nn.CrossEntropyLoss()\n",
            )
        ],
        "a last layer with a deviation of three: the first loss is that of loud wrong guesses",
        also=["bad-initialisation"],
    ),
    Bug(
        "loss-at-init-off",
        "diabetes_regression",
        [("        target = (target - y_mean) / y_std\n", "")],
        "targets around 150, an output that starts at nought",
    ),
    Bug(
        "loss-sign-flipped",
        "bandit_policy",
        [("loss = -(distribution", "loss = (distribution")],
        "without the minus the policy learns the worst action",
    ),
    Bug(
        "loss-sign-flipped",
        "density_flow",
        [("loss = -flow.log_prob(train", "loss = flow.log_prob(train")],
        "the likelihood is minimised",
    ),
    Bug(
        "loss-clipped",
        "gru_adding",
        [("loss = criterion(prediction, y)", "loss = torch.clamp(criterion(prediction, y), max=0.1)")],
        "clipping of the loss in place of gradients: above the bound the gradient is nought",
        also=["gradient-does-not-flow"],
    ),
    Bug(
        "loss-clipped",
        "digits_cnn",
        [
            (
                "        loss = F.cross_entropy(output, target)\n        loss.backward()\n",
                "        loss = F.cross_entropy(output, target).clamp(max=2.0)\n        loss.backward()\n",
            )
        ],
        "a loss above two has no gradient",
        also=["gradient-does-not-flow"],
    ),
    Bug(
        "loss-sum-reduction",
        "digits_cnn",
        [
            (
                "        loss = F.cross_entropy(output, target)\n",
                '        loss = F.cross_entropy(output, target, reduction="sum")\n',
            )
        ],
        "the sum over the batch, at a learning rate for the mean",
        also=["learning-rate-too-high"],
    ),
    Bug(
        "loss-sum-reduction",
        "diabetes_regression",
        [("loss_fn = nn.MSELoss()", 'loss_fn = nn.MSELoss(reduction="sum")')],
        "the loss grows with the batch; weight decay loses its meaning",
    ),
    Bug(
        "loss-not-finite",
        "soft_targets",
        [
            (
                'F.kl_div(model(x), target, reduction="batchmean")',
                "(target * (target.log() - model(x))).sum(dim=1).mean()",
            )
        ],
        "nought times the logarithm of nought",
    ),
    Bug(
        "loss-not-finite",
        "poisson_counts",
        [
            (
                "        loss = criterion(model(x), y)\n",
                "        rate = torch.relu(model(x))\n        loss = (rate - y * torch.log(rate)).mean()\n",
            )
        ],
        "the logarithm of a rate that ReLU made nought",
        also=["gradient-not-finite"],
    ),
]

MODELS = [
    Bug(
        "bias-before-batch-norm",
        "digits_cnn",
        [
            ("nn.Conv2d(1, 8, 3, padding=1, bias=False)", "nn.Conv2d(1, 8, 3, padding=1)"),
            ("nn.Conv2d(8, 16, 3, padding=1, bias=False)", "nn.Conv2d(8, 16, 3, padding=1)"),
        ],
        "the norm takes the bias off again",
    ),
    Bug(
        "bias-before-batch-norm",
        "label_smoothing",
        [("nn.Linear(64, width, bias=False)", "nn.Linear(64, width)")],
        "the norm takes the bias off again",
    ),
    Bug("missing-nonlinearity", "digits_mlp", [("    nn.ReLU(),\n", "")], "two linear layers are one"),
    Bug(
        "missing-nonlinearity",
        "compile_guarded",
        [("x = torch.relu(layer(x))", "x = layer(x)")],
        "the activation was lost when the loop was written",
    ),
    Bug(
        "dead-units",
        "digits_mlp",
        [
            (
                "criterion = nn.CrossEntropyLoss()\n",
                "nn.init.constant_(model[0].bias, -30.0)\ncriterion = nn.CrossEntropyLoss()\n",
            )
        ],
        "biases so low that no unit ever fires",
        also=["bad-initialisation", "constant-output"],
    ),
    Bug(
        "dead-units",
        "multitask",
        [
            (
                "        self.digit = nn.Linear(64, 10)\n",
                "        self.digit = nn.Linear(64, 10)\n        nn.init.constant_(self.shared[0].bias, -30.0)\n",
            )
        ],
        "biases so low that no unit ever fires",
        also=["bad-initialisation", "constant-output"],
    ),
    Bug(
        "saturated-units",
        "wine_trainer",
        [
            (
                "        self.act = nn.Tanh()\n",
                "        nn.init.normal_(self.hidden.weight, std=20.0)\n        self.act = nn.Tanh()\n",
            )
        ],
        "weights so large that tanh is always plus or minus one",
        also=["bad-initialisation"],
    ),
    Bug(
        "saturated-units",
        "plateau",
        [("criterion = nn.MSELoss()\n", "model[0].weight.data.mul_(300)\ncriterion = nn.MSELoss()\n")],
        "weights so large that the sigmoid is nought or one",
        also=["bad-initialisation"],
    ),
    Bug(
        "bad-initialisation",
        "one_cycle",
        [
            (
                "nn.Linear(32, 10))\n",
                "nn.Linear(32, 10))\n    for parameter in net.parameters():\n        nn.init.zeros_(parameter)\n",
            )
        ],
        "all zeros: every unit is the same and stays so",
        also=["constant-output", "gradient-does-not-flow", "dead-units"],
    ),
    Bug(
        "bad-initialisation",
        "compile_guarded",
        [
            (
                "step_model = model\n",
                "for parameter in model.parameters():\n    torch.nn.init.constant_(parameter, 0.01)\n"
                "step_model = model\n",
            )
        ],
        "one constant: every unit is the same and stays so",
    ),
    Bug(
        "parameter-not-registered",
        "residual",
        [
            (
                "nn.ModuleList([ResidualBlock(width) for _ in range(depth)])",
                "[ResidualBlock(width) for _ in range(depth)]",
            )
        ],
        "blocks in a plain list are not the model's",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "parameter-not-registered",
        "recommender",
        [("nn.Parameter(torch.zeros(()))", "torch.zeros((), requires_grad=True)")],
        "a plain tensor is not a parameter; the metric does not show it",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "batch-norm-batch-too-small",
        "label_smoothing",
        [(".split(70)", ".split(2)"), ('"--epochs", type=int, default=5', '"--epochs", type=int, default=1')],
        "statistics of two rows",
    ),
    Bug(
        "batch-norm-batch-too-small",
        "noisy_batches_bn",
        [('"batch_size": 24', '"batch_size": 2'), ('"epochs": 6', '"epochs": 2')],
        "statistics of two rows",
    ),
]

GRADIENTS_AND_OPTIMISERS = [
    Bug(
        "gradient-does-not-flow",
        "digits_cnn",
        [("self.drop(x.flatten(1))", "self.drop(x.flatten(1).detach())")],
        "a detach from a debugging session",
    ),
    Bug(
        "gradient-does-not-flow",
        "diabetes_regression",
        [("loss_fn(model(x), y)", "loss_fn(torch.tensor(model(x).tolist(), requires_grad=True), y)")],
        "a new tensor with requires_grad silences the error, and cuts the graph",
    ),
    Bug(
        "gradient-vanishing",
        "warmup_lambda",
        [
            ("def deep_net(depth=6", "def deep_net(depth=14"),
            ("layers = [nn.Linear(64, width), nn.Tanh()]", "layers = [nn.Linear(64, width), nn.Sigmoid()]"),
            ("layers += [nn.Linear(width, width), nn.Tanh()]", "layers += [nn.Linear(width, width), nn.Sigmoid()]"),
        ],
        "fourteen sigmoids, each with a slope of a quarter at most",
    ),
    Bug(
        "gradient-vanishing",
        "cancer_bce_sigmoid",
        [
            (
                "        nn.Linear(24, 12),\n        nn.LeakyReLU(),\n",
                "        *[part for _ in range(9) for part in (nn.Linear(24, 24), nn.Sigmoid())],\n"
                "        nn.Linear(24, 12),\n        nn.Sigmoid(),\n",
            )
        ],
        "ten sigmoids, each with a slope of a quarter at most",
    ),
    Bug(
        "gradient-exploding",
        "gru_adding",
        [
            ("LENGTH = 8", "LENGTH = 40"),
            (
                "self.rnn = nn.GRU(input_size=2, hidden_size=hidden_size, batch_first=True)",
                'self.rnn = nn.RNN(2, hidden_size, nonlinearity="relu", batch_first=True)\n'
                "        nn.init.normal_(self.rnn.weight_hh_l0, std=0.45)",
            ),
            ("        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n", ""),
        ],
        "forty steps of a ReLU recurrence that grows, and no clipping",
        also=["bad-initialisation", "loss-at-init-off"],
    ),
    Bug(
        "gradient-not-finite",
        "triplet",
        [
            (
                "        loss = criterion(embed(anchor), embed(positive), embed(negative))\n",
                "        near = ((embed(anchor) - embed(positive)) ** 2).sum(dim=1).sqrt()\n"
                "        far = ((embed(anchor) - embed(negative)) ** 2).sum(dim=1).sqrt()\n"
                "        loss = torch.relu(near - far + 1.0).mean()\n",
            )
        ],
        "the slope of a root at nought, where anchor and positive are the same image",
        also=["loss-not-finite"],
        crashes=True,
    ),
    Bug(
        "gradient-not-finite",
        "sample_weights",
        [
            (
                "        x = nn.functional.elu(self.fc1(x))\n",
                "        h = self.fc1(x)\n        x = torch.where(h > 0, torch.sqrt(h), torch.zeros_like(h))\n",
            )
        ],
        "where() hides the NaN going forward and not going back",
    ),
    Bug(
        "gradients-accumulate",
        "wine_trainer",
        [("        self.optimizer.zero_grad()\n", "")],
        "zero_grad forgotten",
    ),
    Bug(
        "gradients-accumulate",
        "label_smoothing",
        [
            ("            optimizer.zero_grad()\n", ""),
            ('"--lr", type=float, default=0.1', '"--lr", type=float, default=0.002'),
        ],
        "zero_grad forgotten, at a learning rate so small that the metric does not show it",
    ),
    Bug(
        "clip-after-step",
        "lstm_clipped",
        [
            (
                "        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)\n        optimizer.step()\n",
                "        optimizer.step()\n        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)\n",
            )
        ],
        "clipped when the step is done",
    ),
    Bug(
        "clip-after-step",
        "scaler_disabled",
        [
            (
                "        norm = nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n        scaler.step(optimizer)\n",
                "        scaler.step(optimizer)\n        norm = nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n",
            )
        ],
        "clipped when the step is done",
    ),
    Bug(
        "backward-in-evaluation",
        "digits_cnn",
        [
            (
                "    with torch.no_grad():\n"
                "        for data, target in loader:\n"
                "            output = model(data)\n"
                '            test_loss += F.cross_entropy(output, target, reduction="sum").item()\n'
                "            correct += (output.argmax(dim=1) == target).sum().item()\n",
                "    for data, target in loader:\n"
                "        output = model(data)\n"
                "        loss = F.cross_entropy(output, target)\n"
                "        loss.backward()\n"
                "        test_loss += loss.item() * len(target)\n"
                "        correct += (output.argmax(dim=1) == target).sum().item()\n",
            )
        ],
        "the loop of training copied for the test",
    ),
    Bug(
        "backward-in-evaluation",
        "early_stopping",
        [
            (
                "    with torch.no_grad():\n"
                '        val_loss = criterion(model(parts["val"][0]), parts["val"][1]).item()\n',
                '    val_loss = criterion(model(parts["val"][0]), parts["val"][1])\n'
                "    val_loss.backward()\n    val_loss = val_loss.item()\n",
            )
        ],
        "gradients of validation are added to those of the next step, or thrown away",
    ),
    Bug(
        "parameter-not-in-optimiser",
        "diabetes_regression",
        [("torch.optim.Adam(model.parameters(),", "torch.optim.Adam(model.head.parameters(),")],
        "only the head was given to the optimiser",
    ),
    Bug(
        "parameter-not-in-optimiser",
        "multitask",
        [
            (
                "torch.optim.Adam(model.parameters(),",
                "torch.optim.Adam([*model.shared.parameters(), *model.digit.parameters()],",
            )
        ],
        "the second head came later, and was not added",
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "digits_mlp",
        [
            ("import torch\nfrom sklearn", "import copy\n\nimport torch\nfrom sklearn"),
            ("\nfor epoch in range(6):", "model = copy.deepcopy(model)\n\nfor epoch in range(6):"),
        ],
        "the model is copied when the optimiser holds the first one",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "checkpoint_resume",
        [("run(*second, x_train, y_train, epochs=15)", "run(model, first[1], first[2], x_train, y_train, epochs=15)")],
        "training goes on with the optimiser of the model before",
        also=["parameter-not-in-optimiser"],
    ),
    Bug("learning-rate-too-high", "digits_mlp", [("lr=3e-3", "lr=3.0")], "Adam at three"),
    Bug("learning-rate-too-high", "residual", [("lr=3e-3", "lr=1.0")], "AdamW at one"),
    Bug("learning-rate-too-low", "digits_cnn", [("lr=0.05", "lr=5e-7")], "a slip in the exponent"),
    Bug("learning-rate-too-low", "cancer_bce_logits", [("lr=1e-2", "lr=1e-7")], "a slip in the exponent"),
    Bug(
        "schedule-stepped-wrongly",
        "diabetes_regression",
        [
            (
                "            optimizer.step()\n        scheduler.step()\n",
                "            optimizer.step()\n            scheduler.step()\n",
            )
        ],
        "a schedule of epochs, stepped by batch: the rate is nothing after two epochs",
    ),
    Bug(
        "schedule-stepped-wrongly",
        "one_cycle",
        [
            ("            schedule.step()\n", ""),
            ('        print(f"{epoch:02d}', '        schedule.step()\n        print(f"{epoch:02d}'),
        ],
        "a schedule of batches, stepped by epoch: the rate never leaves its warm-up",
    ),
]

MODES_AND_FLOW = [
    Bug(
        "train-mode-in-evaluation",
        "digits_cnn",
        [("    model.eval()\n", "")],
        "eval() forgotten: dropout and batch statistics in the test",
        also=["dropout-active-in-evaluation", "evaluation-not-deterministic"],
    ),
    Bug(
        "train-mode-in-evaluation",
        "wine_trainer",
        [("        self.model.eval()\n", "")],
        "eval() forgotten",
        also=["dropout-active-in-evaluation", "evaluation-not-deterministic"],
    ),
    Bug(
        "eval-mode-in-training",
        "label_smoothing",
        [("        logits = model(x)\n    model.train()\n", "        logits = model(x)\n")],
        "train mode is never restored after the first evaluation",
    ),
    Bug(
        "eval-mode-in-training",
        "digits_cnn",
        [("    model.train()\n", "")],
        "train mode is never restored after the first test",
    ),
    Bug(
        "dropout-active-in-evaluation",
        "digits_cnn",
        [("self.drop(x.flatten(1))", "F.dropout(x.flatten(1), 0.25)")],
        "the functional dropout is on unless told otherwise",
        also=["evaluation-not-deterministic"],
    ),
    Bug(
        "dropout-active-in-evaluation",
        "wine_trainer",
        [("self.out(self.dropout(h))", "self.out(nn.functional.dropout(h, 0.3))")],
        "the functional dropout is on unless told otherwise",
        also=["evaluation-not-deterministic"],
    ),
    Bug(
        "evaluation-not-deterministic",
        "vae",
        [("        if not self.training:\n            return mu\n", "")],
        "the code is drawn anew in evaluation",
    ),
    Bug(
        "evaluation-not-deterministic",
        "arrows_augmented",
        [("Arrows(150, 2)", "Arrows(150, 2, augment)")],
        "validation images are augmented",
        also=["train-eval-preprocessing-differ"],
    ),
    Bug(
        "train-validation-overlap",
        "digits_mlp",
        [("x[1400:], y[1400:]", "x[1000:], y[1000:]")],
        "validation begins before training ends",
    ),
    Bug(
        "train-validation-overlap",
        "accumulate",
        [("DataLoader(TensorDataset(xb, yb)", "DataLoader(TensorDataset(xa, ya)")],
        "validated on the training set",
    ),
    Bug(
        "preprocessing-leak",
        "wine_trainer",
        [("StandardScaler().fit(X_train)", "StandardScaler().fit(X)")],
        "the scaler saw the test rows",
    ),
    Bug(
        "preprocessing-leak",
        "cancer_bce_logits",
        [
            (
                "mean, std = train_x.mean(axis=0), train_x.std(axis=0)",
                "mean, std = data.data.mean(axis=0), data.data.std(axis=0)",
            )
        ],
        "mean and deviation of all rows",
    ),
    Bug(
        "metric-wrong",
        "digits_cnn",
        [
            (
                "correct += (output.argmax(dim=1) == target).sum().item()",
                "correct += (output.argmax(dim=1) == target).float().mean().item()",
            ),
            ("accuracy {correct / n:.4f}", "accuracy {correct / len(loader):.4f}"),
        ],
        "the mean of the batches' means, whose last is smaller",
    ),
    Bug(
        "metric-wrong",
        "noisy_batches_bn",
        [("self.total += len(y)", "self.total += 1")],
        "divided by the batches: far above one",
    ),
    Bug(
        "out-of-memory",
        "gan_toy",
        [("BATCH = 128", "BATCH = 128_000_000_000")],
        "a batch that fits no machine",
        crashes=True,
    ),
]

BUGS = [*INPUTS_AND_SHAPES, *LABELS, *LOSSES, *MODELS, *GRADIENTS_AND_OPTIMISERS, *MODES_AND_FLOW]
