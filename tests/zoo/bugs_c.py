"""The third half of the planted bugs, and programs of other styles: written after the checks and without sight of them,
then read by the checks' writers.
"""

from .run import Bug

SHAPES_AND_INPUTS = [
    Bug(
        "accidental-broadcast",
        "housing_notebook",
        [("pred = model(xb).squeeze(1)", "pred = model(xb)")],
        "squeezed in the evaluation cell only",
    ),
    Bug(
        "output-shape-mismatch",
        "blitz_shapes",
        [
            ("self.fc1 = nn.Linear(16 * 3 * 3, 40)", "self.fc1 = nn.Linear(16 * 3, 40)"),
            ("x = torch.flatten(x, 1)  # flatten all dimensions except batch", "x = x.view(-1, 16 * 3)"),
        ],
        "a view with a wrong product makes three rows of each picture",
        crashes=True,
    ),
    Bug(
        "softmax-wrong-dim",
        "mnist_argparse",
        [("F.log_softmax(x, dim=1)", "F.log_softmax(x, dim=0)")],
        "dim=0, as for a single example",
        also=["examples-mixed"],
    ),
    Bug(
        "softmax-wrong-dim",
        "gpt_tiny",
        [("att = F.softmax(att, dim=-1)", "att = F.softmax(att, dim=0)")],
        "attention weights compete among the texts of the batch",
        also=["examples-mixed"],
    ),
    Bug(
        "input-not-normalised",
        "mnist_argparse",
        [("return (image / 255.0 - 0.305) / 0.376", "return image.float()")],
        "the transform was taken out for a look at the pixels",
    ),
    Bug(
        "input-not-normalised",
        "housing_notebook",
        [("X_train = scaler.fit_transform(X_train)\nX_valid = scaler.transform(X_valid)\n", "")],
        "years such as 1987 go in as they are: the cell was skipped",
    ),
    Bug(
        "input-over-normalised",
        "blitz_shapes",
        [("image = image.float() / 255\n        image = (image - 0.5) / 0.5", "image = image.float() / 255 / 255")],
        "the pictures were scaled already where they are read",
    ),
    Bug(
        "input-not-finite",
        "housing_notebook",
        [
            ("X_train = np.where(np.isnan(X_train), medians, X_train)\n", ""),
            ("X_valid = np.where(np.isnan(X_valid), medians, X_valid)\n", ""),
        ],
        "missing years are never filled: scikit-learn's scaler lets them through",
    ),
    Bug(
        "input-casting",
        "blitz_shapes",
        [
            (
                "image = image.float() / 255\n        image = (image - 0.5) / 0.5",
                "image = image * 2 - 255\n        image = image.float() / 255",
            )
        ],
        "to -1 and 1, but in uint8",
    ),
    Bug(
        "input-casting",
        "denoise_conv",
        [
            (
                "torch.as_tensor(images, dtype=torch.float32)[:, None] / 16",
                'torch.as_tensor((images / 16).astype("uint8"), dtype=torch.float32)[:, None]',
            )
        ],
        "scaled to [0, 1], then stored as bytes to save memory",
        also=["input-degenerate"],
    ),
    Bug(
        "input-degenerate",
        "news_embeddingbag",
        [("vocab.get(word, 0)", "vocab.get(word.capitalize(), 0)")],
        "texts are capitalised, the vocabulary is not: every word is unknown",
        also=["input-ignored", "constant-output"],
    ),
    Bug(
        "input-ignored",
        "denoise_conv",
        [("return clean + noise, clean", "return noise, clean")],
        "the noise is returned, not the noisy image",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "blitz_shapes",
        [
            (
                "        image = (image - 0.5) / 0.5\n",
                "        if self.train:\n            image = (image - 0.5) / 0.5\n",
            )
        ],
        "the normalisation slipped in among the augmentations",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "basicblock_onecycle",
        [("(X_train - mean) / std, (X_test - mean) / std", "(X_train - mean) / std, X_test")],
        "the test images are left in their own units",
    ),
    Bug(
        "accidental-broadcast",
        "windows_lstm",
        [("self.linear(out[:, -1]).squeeze(-1)", "self.linear(out[:, -1])")],
        "estimates [n, 1], targets [n]; PyTorch warns, and nobody reads it",
    ),
    Bug(
        "output-shape-mismatch",
        "shifted_digits",
        [
            ("nn.Linear(32 * 2 * 2, 10)", "nn.Linear(32, 10)"),
            ("features.view(features.size(0), -1)", "features.permute(0, 2, 3, 1)"),
        ],
        "an answer for each place of the picture",
        crashes=True,
    ),
    Bug(
        "constant-output",
        "windows_lstm",
        [
            (
                "        out, _ = self.lstm(x)\n        return self.linear(out[:, -1]).squeeze(-1)\n",
                "        h0 = torch.zeros(1, len(x), self.lstm.hidden_size)\n"
                "        out, (hn, cn) = self.lstm(x, (h0, h0))\n"
                "        return self.linear(h0[-1]).squeeze(-1)\n",
            )
        ],
        "h0 for hn: the state before the series, which is nought",
        also=["input-ignored", "gradient-does-not-flow"],
    ),
    Bug(
        "constant-output",
        "churn_folds",
        [("nn.Dropout(0.2), nn.Linear(24, 1))", "nn.Dropout(0.2), nn.Linear(24, 1), nn.Softmax(dim=1))")],
        "a softmax over one output is 1 for everybody",
        also=["loss-expects-logits", "softmax-wrong-dim"],
    ),
    Bug(
        "examples-mixed",
        "windows_lstm",
        [("hidden_size=hidden_size, batch_first=True", "hidden_size=hidden_size")],
        "without batch_first the windows of a batch are its time",
    ),
    Bug(
        "examples-mixed",
        "uncertain_heads",
        [("h = F.relu(self.trunk(x))", "h = F.normalize(F.relu(self.trunk(x)), dim=0)")],
        "features are made of unit length along the batch",
    ),
    Bug(
        "input-over-normalised",
        "windows_lstm",
        [("self.values[i : i + LOOK_BACK].unsqueeze(-1)", "self.values[i : i + LOOK_BACK].unsqueeze(-1) / 500")],
        "divided by the largest number of passengers, once more",
    ),
    Bug(
        "input-not-finite",
        "padded_sets",
        [
            (
                "points = torch.zeros(len(batch), longest, 2)",
                'points = torch.full((len(batch), longest, 2), float("nan"))',
            )
        ],
        "padding that is NaN, so that a missing mask shows; times nought it still is",
        also=["loss-not-finite"],
    ),
    Bug(
        "input-degenerate",
        "shifted_digits",
        [("image = self.images[index]\n", "image = (self.images[index] > 127).astype(float)\n")],
        "black and white at the middle of 0 to 255; these pixels end at 16",
        also=["input-ignored", "constant-output"],
    ),
    Bug(
        "input-ignored",
        "mean_teacher",
        [("x = x + self.sigma * torch.randn_like(x)", "x = self.sigma * torch.randn_like(x)")],
        "noise in place of the input, in training alone",
        also=["train-eval-preprocessing-differ"],
    ),
    Bug(
        "pretrained-normalisation-mismatch",
        "finetune_two_stage",
        [("target_x = (target_x - MEAN) / STD  # as the backbone knows them", "target_x = target_x / 16")],
        "pixels of 0 to 1 for a backbone that knows standardised ones",
    ),
    Bug(
        "pretrained-normalisation-mismatch",
        "distil_teacher",
        [
            (
                "soft = F.softmax(teacher(x[rows]) / T, dim=1)",
                "soft = F.softmax(teacher(x[rows] * 0.38 + 0.31) / T, dim=1)",
            )
        ],
        "back to 0 to 1 for the teacher, as teachers from the shelf often want it; this one does not",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "lit_datamodule",
        [("torch.tensor((x_val - mean) / std).float()", "torch.tensor(x_val).float()")],
        "only the training split is scaled in setup",
    ),
]


LABELS = [
    Bug(
        "labels-out-of-order",
        "blitz_shapes",
        [
            (
                "        self.train = train\n",
                "        rng.shuffle(self.data)\n        self.train = train\n",
            )
        ],
        "the pictures are shuffled in place, the list of targets is not",
    ),
    Bug(
        "labels-out-of-order",
        "churn_folds",
        [("loss = criterion(logits, y_tr[idx])", "loss = criterion(logits, y_tr[start : start + BATCH])")],
        "inputs by the permutation, labels by position",
    ),
    Bug(
        "label-out-of-range",
        "seq2seq_roman",
        [("self.out = nn.Linear(hidden, vocabulary)", "self.out = nn.Linear(hidden, len(TARGET))")],
        "an output for each sign, none for padding, start and end",
        also=["output-shape-mismatch"],
        crashes=True,
    ),
    Bug(
        "label-out-of-range",
        "news_embeddingbag",
        [("return label - 1", "return label")],
        "topics are counted from one",
        crashes=True,
    ),
    Bug(
        "label-format-mismatch",
        "blitz_shapes",
        [("return image, self.targets[index]", "return image, float(self.targets[index])")],
        "labels as floats, as the last regression had them",
        crashes=True,
    ),
    Bug(
        "data-not-shuffled",
        "blitz_shapes",
        [("batch_size=8, shuffle=True", "batch_size=8, shuffle=False")],
        "the folders are read class by class",
    ),
    Bug(
        "augmentation-breaks-labels",
        "blitz_shapes",
        [("image = image.flip(2)", "image = image.rot90(1, (1, 2))")],
        "a quarter turn makes columns of bars",
    ),
    Bug(
        "labels-out-of-order",
        "cox_survival",
        [("x, time, event = x[order], time[order], event[order]", "time, event = time[order], event[order]")],
        "times are sorted for the risk sets, patients are not",
    ),
    Bug(
        "labels-corrupt",
        "iris_names",
        [
            (
                "train_labels = [names.index(row[-1]) for row in train_rows]",
                "found = list(dict.fromkeys(row[-1] for row in train_rows))\n"
                "train_labels = [found.index(row[-1]) for row in train_rows]",
            )
        ],
        "training counts the names as they come, the test by the alphabet",
    ),
    Bug(
        "labels-corrupt",
        "quantile_bands",
        [
            (
                "torch.tensor(level + noise).float()",
                "torch.tensor(np.where(rng.random(n) < 0.01, np.nan, level + noise)).float()",
            )
        ],
        "one meter reading in a hundred is missing, and nobody drops it",
        also=["loss-not-finite"],
    ),
    Bug(
        "label-out-of-range",
        "finetune_two_stage",
        [("labels[high] - 5", "labels[high]")],
        "the new classes keep their old numbers",
        crashes=True,
    ),
    Bug(
        "label-format-mismatch",
        "iris_names",
        [("y_train[batch])", "nn.functional.one_hot(y_train[batch], 3))")],
        "one-hot, as another library wants it",
        crashes=True,
    ),
    Bug(
        "single-class",
        "iris_names",
        [
            ("rows = [rows[i] for i in torch.randperm(len(rows))]\n", ""),
            ("rows[:110], rows[110:]", "rows[:50], rows[50:]"),
        ],
        "the first third of a file that is sorted by name",
    ),
    Bug(
        "single-class",
        "ordinal_grades",
        [
            (
                "torch.bucketize(torch.tensor(progress), edges)",
                "torch.bucketize(torch.tensor(progress / progress.max()), edges)",
            )
        ],
        "a scaled quantity is cut at edges in its old unit: all get grade 0",
    ),
    Bug(
        "data-not-shuffled",
        "news_embeddingbag",
        [
            ("dataset = list(make_news(1200, rng))", "dataset = sorted(make_news(1200, rng))"),
            (
                "split_train, split_valid = random_split(dataset, [1000, 200])",
                "split_train, split_valid = [row for i, row in enumerate(dataset) if i % 6], dataset[::6]",
            ),
            ("batch_size=BATCH_SIZE, shuffle=True, collate_fn", "batch_size=BATCH_SIZE, collate_fn"),
        ],
        "sorted to look for doubles; every sixth is held out, and the rest stays sorted by topic",
    ),
    Bug(
        "augmentation-breaks-labels",
        "shifted_digits",
        [("image = np.pad(image, 1)", "image = np.pad(np.rot90(image, random.randint(0, 3)), 1)")],
        "any quarter turn: a 6 is a 9",
    ),
]


LOSS = [
    Bug(
        "loss-expects-logits",
        "churn_folds",
        [("logits = model(X_tr[idx])[:, 0]", "logits = torch.sigmoid(model(X_tr[idx])[:, 0])")],
        "a sigmoid, and a loss that has its own",
    ),
    Bug(
        "loss-expects-logits",
        "gpt_tiny",
        [("logits = self.lm_head(self.ln_f(x))", "logits = F.softmax(self.lm_head(self.ln_f(x)), dim=-1)")],
        "the model was made to return probabilities for sampling",
    ),
    Bug(
        "loss-expects-probabilities",
        "mnist_argparse",
        [("        output = F.log_softmax(x, dim=1)\n        return output\n", "        return x\n")],
        "log_softmax went, nll_loss stayed",
    ),
    Bug(
        "loss-expects-probabilities",
        "gan_ring",
        [("nn.Linear(48, 1), nn.Sigmoid()", "nn.Linear(48, 1)")],
        "the critic of another paper, with BCELoss",
        crashes=True,
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "housing_notebook",
        [("    nn.Linear(32, 1),\n", "    nn.Linear(32, 1),\n    nn.Sigmoid(),\n")],
        "standardised prices, an output of 0 to 1",
        also=["activation-on-logits"],
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "denoise_conv",
        [("dtype=torch.float32)[:, None] / 16", "dtype=torch.float32)[:, None]"), ("noise=0.3", "noise=5.0")],
        "grey values of 0 to 16, a decoder that ends with a sigmoid",
        also=["input-not-normalised"],
    ),
    Bug(
        "loss-at-init-off",
        "housing_notebook",
        [("y_mean, y_std = y_train.mean(), y_train.std()", "y_mean, y_std = 0.0, 1.0")],
        "logarithms of prices, about 12, as targets of a fresh output of about 0",
    ),
    Bug(
        "loss-sign-flipped",
        "infonce_probe",
        [("similarity = z @ z.T / TEMPERATURE", "similarity = torch.cdist(z, z) / TEMPERATURE")],
        "a distance where a similarity is meant: pairs are driven apart",
    ),
    Bug(
        "loss-sum-reduction",
        "mnist_argparse",
        [("loss = F.nll_loss(output, target)", 'loss = F.nll_loss(output, target, reduction="sum")')],
        "copied from test(), where the sum is right",
        also=["learning-rate-too-high"],
    ),
    Bug(
        "loss-sum-reduction",
        "blitz_shapes",
        [("criterion = nn.CrossEntropyLoss()", 'criterion = nn.CrossEntropyLoss(reduction="sum")')],
        "a sum, with the rate of a mean",
        also=["learning-rate-too-high"],
    ),
    Bug(
        "loss-not-finite",
        "gpt_tiny",
        [
            (
                "torch.tril(torch.ones(config.block_size, config.block_size))",
                "torch.tril(torch.ones(config.block_size, config.block_size), diagonal=-1)",
            )
        ],
        "no position sees itself, so the first one sees nothing: a softmax of minus infinities",
    ),
    Bug(
        "loss-expects-probabilities",
        "distil_teacher",
        [("answer = F.log_softmax(student(x[rows]) / T, dim=1)", "answer = student(x[rows]) / T")],
        "kl_div takes log-probabilities and gets logits",
    ),
    Bug(
        "activation-on-logits",
        "uncertain_heads",
        [("return self.digit(h), self.ink(h).flatten()", "return F.relu(self.digit(h)), self.ink(h).flatten()")],
        "a rectifier after every layer, the last one too",
    ),
    Bug(
        "activation-on-logits",
        "tags_multilabel",
        [("nn.Linear(32, len(TAGS)))", "nn.Linear(32, len(TAGS)), nn.ReLU())")],
        "no tag can be less likely than a half",
    ),
    Bug(
        "loss-target-mismatch",
        "iris_names",
        [
            ("nn.Linear(16, 3)", "nn.Linear(16, 1)"),
            ("nn.CrossEntropyLoss()", "nn.MSELoss()"),
            (
                "loss_function(model(x_train[batch]), y_train[batch])",
                "loss_function(model(x_train[batch])[:, 0], y_train[batch].float())",
            ),
            ("model(x_test).argmax(dim=1)", "model(x_test)[:, 0].round()"),
        ],
        "a squared error on the number of the name",
    ),
    Bug(
        "loss-target-mismatch",
        "ordinal_grades",
        [("F.binary_cross_entropy_with_logits(net(", "F.cross_entropy(net(")],
        "levels do not exclude each other: a softmax over them",
    ),
    Bug(
        "loss-target-mismatch",
        "tags_multilabel",
        [("nn.BCEWithLogitsLoss(pos_weight=((1 - share) / share).clamp(max=5))", "nn.CrossEntropyLoss()")],
        "a recipe has several tags, and some none",
    ),
    Bug(
        "loss-at-init-off",
        "uncertain_heads",
        [("    ink = (ink - ink[:1300].mean()) / ink[:1300].std()\n", "")],
        "the ink in pixels, about 40, for a fresh output of about 0",
    ),
    Bug(
        "loss-sign-flipped",
        "quantile_bands",
        [("return torch.maximum(", "return torch.minimum(")],
        "the smaller of the two slopes: the loss has no lower end",
    ),
    Bug(
        "loss-sign-flipped",
        "cox_survival",
        [("return -((log_risk", "return ((log_risk")],
        "the likelihood, minimised",
    ),
    Bug(
        "loss-clipped",
        "quantile_bands",
        [("(self.quantiles - 1) * error).mean()", "(self.quantiles - 1) * error).clamp(max=0.15).mean()")],
        "so that outliers do not count",
    ),
    Bug(
        "loss-clipped",
        "tags_multilabel",
        [("loss = criterion(output, y)", "loss = criterion(output, y).clamp(max=0.7)")],
        "a bound against spikes, below where the loss starts",
    ),
    Bug(
        "loss-not-finite",
        "gcn_blocks",
        [("    A = A + torch.eye(len(A))\n", "")],
        "no loops to oneself: who has no neighbour has degree 0, to the power of -1/2",
        also=["input-not-finite"],
    ),
]


MODEL = [
    Bug(
        "bias-before-batch-norm",
        "basicblock_onecycle",
        [("nn.Conv2d(1, 12, 3, padding=1, bias=False)", "nn.Conv2d(1, 12, 3, padding=1)")],
        "the stem was written by another hand than the blocks",
    ),
    Bug(
        "missing-nonlinearity",
        "residual_trainer",
        [("nn.functional.gelu(self.up(self.norm(x)))", "self.up(self.norm(x))")],
        "the activation was lost when the line was shortened",
    ),
    Bug(
        "bad-initialisation",
        "gpt_tiny",
        [("mean=0.0, std=0.05", "mean=0.0, std=1.0")],
        "normal_ with its default deviation",
        also=["loss-at-init-off"],
    ),
    Bug(
        "parameter-not-registered",
        "residual_trainer",
        [
            (
                "nn.ModuleList([Block(config.width, config.dropout) for _ in range(config.depth)])",
                "[Block(config.width, config.dropout) for _ in range(config.depth)]",
            )
        ],
        "blocks in a plain list",
    ),
    Bug(
        "batch-norm-batch-too-small",
        "basicblock_onecycle",
        [("epochs, batch_size = 4, 64", "epochs, batch_size = 1, 2"), ("max_lr=0.3", "max_lr=0.03")],
        "batches of two, for a small card",
    ),
    Bug(
        "bias-before-batch-norm",
        "finetune_two_stage",
        [("nn.Conv2d(1, 16, 3, padding=1, bias=False)", "nn.Conv2d(1, 16, 3, padding=1)")],
        "the default",
    ),
    Bug(
        "missing-nonlinearity",
        "ordinal_grades",
        [("self.score(F.relu(self.hidden(x)))", "self.score(self.hidden(x))")],
        "the hidden layer's activation was forgotten",
    ),
    Bug(
        "dead-units",
        "spiral_raw",
        [("b1 = torch.zeros(H, requires_grad=True)", "b1 = torch.full((H,), -10.0, requires_grad=True)")],
        "biases far below what the inputs bring",
        also=["constant-output", "bad-initialisation"],
    ),
    Bug(
        "dead-units",
        "tags_multilabel",
        [("criterion = nn.BCE", "nn.init.uniform_(model[0].weight, -1.0, 0.0)\ncriterion = nn.BCE")],
        "drawn from -1 to 0 where -1 to 1 was meant; the inputs are counts",
        also=["constant-output", "bad-initialisation"],
    ),
    Bug(
        "saturated-units",
        "iris_names",
        [("loss_function = nn.Cross", "nn.init.normal_(model.dense.weight, std=20.0)\nloss_function = nn.Cross")],
        "a deviation of 20 where 0.2 was meant, before tanh",
        also=["bad-initialisation"],
    ),
    Bug(
        "saturated-units",
        "pinn_oscillator",
        [("return self.net(2 * t / END - 1)", "return self.net(1000 * t)")],
        "time in milliseconds, into tanh",
        also=["input-not-normalised"],
    ),
    Bug(
        "bad-initialisation",
        "mean_teacher",
        [
            (
                "        self.fc3 = nn.Linear(50, 10)\n",
                "        self.fc3 = nn.Linear(50, 10)\n"
                "        for layer in (self.fc1, self.fc2, self.fc3):\n"
                "            nn.init.normal_(layer.weight, std=1e-3)\n",
            )
        ],
        "small random numbers, as in old lecture notes",
        also=["gradient-vanishing"],
    ),
    Bug(
        "bad-initialisation",
        "spiral_raw",
        [
            (
                "W1 = (torch.randn(D, H) * math.sqrt(2 / D)).requires_grad_()",
                "W1 = torch.zeros(D, H, requires_grad=True)",
            ),
            ("W2 = (torch.randn(H, K) / math.sqrt(H)).requires_grad_()", "W2 = torch.zeros(H, K, requires_grad=True)"),
        ],
        "weights of nought, as biases have them",
        also=["constant-output", "gradient-does-not-flow", "dead-units"],
    ),
    Bug(
        "parameter-not-registered",
        "ordinal_grades",
        [
            (
                "nn.Parameter(torch.linspace(1.5, -1.5, GRADES - 1))",
                "torch.linspace(-0.5, -1.5, GRADES - 1, requires_grad=True)",
            )
        ],
        "a tensor that wants a gradient is no parameter",
    ),
    Bug(
        "batch-norm-batch-too-small",
        "lit_datamodule",
        [("batch_size: int = 20", "batch_size: int = 2"), ("max_epochs=12", "max_epochs=2")],
        "two wines a batch",
    ),
]


GRADIENTS_AND_OPTIMISER = [
    Bug(
        "gradient-does-not-flow",
        "gpt_tiny",
        [("return self.c_proj(y)", "return self.c_proj(y.data)")],
        ".data, from a version that printed attention",
    ),
    Bug(
        "gradient-does-not-flow",
        "seq2seq_roman",
        [("hidden = encoder(source)\n", "hidden = encoder(source).detach()\n")],
        "detached, as a state that goes on from batch to batch would be",
    ),
    Bug(
        "gradient-does-not-flow",
        "gan_ring",
        [("errG = criterion(netD(fake), label)", "errG = criterion(netD(fake.detach()), label)")],
        "the critic's line was copied for the generator",
    ),
    Bug(
        "gradient-not-finite",
        "infonce_probe",
        [
            (
                "similarity = z @ z.T / TEMPERATURE",
                "similarity = -((z[:, None] - z[None]) ** 2).sum(-1).sqrt() / TEMPERATURE",
            )
        ],
        "the root's slope at the diagonal's zeros is infinite, and the mask comes after it",
        crashes=True,
    ),
    Bug(
        "gradients-accumulate",
        "churn_folds",
        [("            optimizer.zero_grad()\n", "")],
        "the line was lost",
    ),
    Bug(
        "gradients-accumulate",
        "seq2seq_roman",
        [
            (
                "    for source, target in loader:\n        optimizer.zero_grad()\n",
                "    optimizer.zero_grad()\n    for source, target in loader:\n",
            )
        ],
        "once an epoch",
    ),
    Bug(
        "gradients-accumulate",
        "gan_ring",
        [("    netD.zero_grad()\n", "")],
        "the critic also keeps the gradients of the generator's loss",
    ),
    Bug(
        "clip-after-step",
        "residual_trainer",
        [
            ("            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_norm)\n", ""),
            (
                "            self.optimizer.step()\n",
                "            self.optimizer.step()\n"
                "            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_norm)\n",
            ),
        ],
        "clipped when the step is done",
    ),
    Bug(
        "clip-after-step",
        "gpt_tiny",
        [
            (
                "    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n    optimizer.step()\n",
                "    optimizer.step()\n    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n",
            )
        ],
        "two lines in the wrong order",
    ),
    Bug(
        "backward-in-evaluation",
        "denoise_conv",
        [("valid_loss = run_epoch(model, valid_loader)", "valid_loss = run_epoch(model, valid_loader, optimizer)")],
        "one function for both, called with the optimiser in both lines",
        also=["train-mode-in-evaluation"],
    ),
    Bug(
        "parameter-not-in-optimiser",
        "residual_trainer",
        [
            (
                "decay = [p for p in model.parameters() if p.ndim >= 2]",
                "decay = [p for p in model.blocks.parameters() if p.ndim >= 2]",
            )
        ],
        "groups of the blocks: the stem's and the head's matrices are in neither",
    ),
    Bug(
        "parameter-not-in-optimiser",
        "seq2seq_roman",
        [("Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-2)", "Adam(decoder.parameters(), lr=1e-2)")],
        "two models, and one of them in the optimiser",
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "residual_trainer",
        [("self.config, self.model = config, model\n", "self.config, self.model = config, copy.deepcopy(model)\n")],
        "the trainer works on a copy, its optimiser on what it was given",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "gan_ring",
        [("optimizerG = torch.optim.Adam(netG.parameters()", "optimizerG = torch.optim.Adam(netD.parameters()")],
        "one letter: the generator's optimiser moves the critic",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "learning-rate-too-high",
        "mnist_argparse",
        [
            (
                "optimizer = optim.SGD(model.parameters(), lr=args.lr)",
                "optimizer = optim.Adam(model.parameters(), lr=args.lr)",
            )
        ],
        "Adam with the rate of plain SGD",
    ),
    Bug(
        "learning-rate-too-low",
        "housing_notebook",
        [("lr=3e-3", "lr=3e-6")],
        "a wrong exponent",
    ),
    Bug(
        "learning-rate-too-low",
        "gpt_tiny",
        [("lr=3e-3, betas", "lr=3e-7, betas")],
        "the rate of a fine-tuning of something large",
    ),
    Bug(
        "schedule-stepped-wrongly",
        "basicblock_onecycle",
        [("        optimizer.step()\n        scheduler.step()\n", "        optimizer.step()\n    scheduler.step()\n")],
        "one cycle counted in batches, stepped by epochs: it stays at its start",
    ),
    Bug(
        "schedule-stepped-wrongly",
        "news_embeddingbag",
        [("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n")],
        "halved after every batch, and after every epoch too",
    ),
    Bug(
        "gradient-vanishing",
        "quantile_bands",
        [
            (
                "nn.Sequential(nn.Linear(3, hidden), nn.ELU(), nn.Linear(hidden, hidden), nn.ELU())",
                "nn.Sequential(nn.Linear(3, hidden), nn.Sigmoid())\n"
                "        for _ in range(9):\n"
                "            self.body.extend([nn.Linear(hidden, hidden), nn.Sigmoid()])",
            )
        ],
        "ten layers of sigmoids",
    ),
    Bug(
        "gradient-vanishing",
        "uncertain_heads",
        [
            (
                "self.trunk = nn.Linear(64, hidden)",
                "widths = [64] + 8 * [hidden]\n"
                "        self.trunk = nn.Sequential()\n"
                "        for a, b in zip(widths[:-1], widths[1:], strict=True):\n"
                "            self.trunk.extend([nn.Linear(a, b), nn.Sigmoid()])",
            )
        ],
        "a deep trunk in the style of the eighties",
    ),
    Bug(
        "gradient-exploding",
        "windows_lstm",
        [
            (
                "self.lstm = nn.LSTM(input_size=1, hidden_size=hidden_size, batch_first=True)",
                'self.lstm = nn.RNN(input_size=1, hidden_size=hidden_size, nonlinearity="relu", batch_first=True)\n'
                "        nn.init.orthogonal_(self.lstm.weight_hh_l0, gain=4.0)",
            )
        ],
        "a rectified recurrence that makes all four times as large at each month",
        also=["bad-initialisation"],
    ),
    Bug(
        "gradient-exploding",
        "quantile_bands",
        [
            (
                "nn.Sequential(nn.Linear(3, hidden), nn.ELU(), nn.Linear(hidden, hidden), nn.ELU())",
                "nn.Sequential(nn.Linear(3, hidden), nn.ReLU())\n"
                "        for _ in range(9):\n"
                "            self.body.extend([nn.Linear(hidden, hidden), nn.ReLU()])\n"
                "        for layer in self.body[::2]:\n"
                "            nn.init.normal_(layer.weight, std=0.6)",
            )
        ],
        "ten layers with weights drawn by hand: each more than doubles what it gets",
        also=["bad-initialisation"],
    ),
    Bug(
        "gradient-not-finite",
        "padded_sets",
        [("(spread + 1e-6).sqrt()", "spread.sqrt()")],
        "a feature that is off for a whole set has no spread, and the root no slope there",
    ),
    Bug(
        "gradients-accumulate",
        "spiral_raw",
        [("            p.grad.zero_()\n", "")],
        "the update by hand forgets to clear",
    ),
    Bug(
        "backward-in-evaluation",
        "shifted_digits",
        [
            (
                "        with torch.no_grad():\n            for batch in val_loader:\n"
                '                truth.extend(batch["label"].tolist())\n'
                '                guess.extend(model(batch["image"]).argmax(-1).tolist())\n',
                "        for batch in val_loader:\n"
                "            optimizer.zero_grad()\n"
                '            logits = model(batch["image"])\n'
                '            criterion(logits, batch["label"]).backward()\n'
                "            optimizer.step()\n"
                '            truth.extend(batch["label"].tolist())\n'
                "            guess.extend(logits.argmax(-1).tolist())\n",
            )
        ],
        "the training loop, copied",
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "vmap_ensemble",
        [
            (
                "torch.optim.Adam(params.values(), lr=1e-2)",
                "torch.optim.Adam([p for model in models for p in model.parameters()], lr=1e-2)",
            )
        ],
        "the members' own weights: stacking made copies of them",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "finetune_two_stage",
        [
            ("torch.optim.Adam(model[1].parameters(), lr=1e-2)", "torch.optim.Adam(source[1].parameters(), lr=1e-2)"),
            ("optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)", 'optimizer.param_groups[0]["lr"] = 1e-3'),
        ],
        "the head of the source model",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "learning-rate-too-high",
        "windows_lstm",
        [("lr=0.01", "lr=1.0")],
        "two digits were lost",
    ),
    Bug(
        "learning-rate-too-high",
        "spiral_raw",
        [("rate, momentum, decay = 0.3, 0.9, 1e-3", "rate, momentum, decay = 30.0, 0.9, 1e-3")],
        "a rate that was found without momentum, and a comma in the wrong place",
    ),
]


MODE_AND_FLOW = [
    Bug(
        "train-mode-in-evaluation",
        "mnist_argparse",
        [("    model.eval()\n", "")],
        "test() without eval(): dropout drops",
    ),
    Bug(
        "train-mode-in-evaluation",
        "basicblock_onecycle",
        [("    model.eval()\n", "")],
        "batch norm learns from the test images",
    ),
    Bug(
        "eval-mode-in-training",
        "mnist_argparse",
        [("    model.train()\n", "")],
        "test() leaves the model in eval mode, and train() does not take it back",
    ),
    Bug(
        "eval-mode-in-training",
        "residual_trainer",
        [
            ("        self.model.train()\n", ""),
            ("        self.train_loader = Data", "        model.train()\n        self.train_loader = Data"),
        ],
        "train mode is set once, before the first evaluation",
    ),
    Bug(
        "dropout-active-in-evaluation",
        "mnist_argparse",
        [("x = self.dropout2(x)", "x = F.dropout(x, 0.25)")],
        "the function does not know the mode",
    ),
    Bug(
        "train-validation-overlap",
        "churn_folds",
        [
            (
                "    X, y = customers()\n",
                "    X, y = customers()\n"
                "    often = np.concatenate([np.arange(len(y)), np.repeat(np.flatnonzero(y), 10)])\n"
                "    X, y = X[often], y[often]\n",
            )
        ],
        "those that leave are copied ten times, and then the folds are made",
    ),
    Bug(
        "preprocessing-leak",
        "housing_notebook",
        [
            (
                "X_train = scaler.fit_transform(X_train)\n",
                "scaler.fit(np.concatenate([X_train, X_valid]))\nX_train = scaler.transform(X_train)\n",
            )
        ],
        "scaled with train and validation together, as in many notebooks",
    ),
    Bug(
        "preprocessing-leak",
        "residual_trainer",
        [
            (
                "mean, std = train_set[:][0].mean(0), train_set[:][0].std(0)",
                "mean, std = data.tensors[0].mean(0), data.tensors[0].std(0)",
            )
        ],
        "mean and deviation of the whole set",
    ),
    Bug(
        "metric-wrong",
        "mnist_argparse",
        [
            (
                "accuracy = correct / len(test_loader.dataset)",
                "accuracy = correct / (len(test_loader) * test_loader.batch_size)",
            )
        ],
        "as if the last batch were full",
    ),
    Bug(
        "metric-wrong",
        "basicblock_onecycle",
        [("(predicted == y_test).float()", "(predicted == y_test[:, None]).float()")],
        "a comparison of each with all",
    ),
    Bug(
        "train-mode-in-evaluation",
        "distil_teacher",
        [("return teacher.eval().requires_grad_(False)", "return teacher.requires_grad_(False)")],
        "the teacher is frozen, its batch norm is not",
    ),
    Bug(
        "dropout-active-in-evaluation",
        "gcn_blocks",
        [("F.dropout(x, self.dropout, training=self.training)", "F.dropout(x, self.dropout)")],
        "the function drops by default",
    ),
    Bug(
        "evaluation-not-deterministic",
        "mean_teacher",
        [
            (
                "        if self.training:\n            x = x + self.sigma * torch.randn_like(x)\n",
                "        x = x + self.sigma * torch.randn_like(x)\n",
            )
        ],
        "noise without a look at the mode",
    ),
    Bug(
        "evaluation-not-deterministic",
        "quantile_bands",
        [("h = self.body(x)", "h = self.body(x + 0.2 * torch.randn_like(x))")],
        "noise as regularisation, always on",
    ),
    Bug(
        "train-validation-overlap",
        "gcn_blocks",
        [("F.cross_entropy(output[idx_train], labels[idx_train])", "F.cross_entropy(output, labels)")],
        "the loss over all nodes, those to be tested among them",
    ),
    Bug(
        "train-validation-overlap",
        "lit_datamodule",
        [
            (
                "TensorDataset(torch.tensor((x_val - mean) / std).float(), torch.tensor(y_val))",
                "TensorDataset(torch.tensor((x - mean) / std).float(), torch.tensor(y))",
            )
        ],
        "validated on everything",
    ),
    Bug(
        "metric-wrong",
        "lit_datamodule",
        [
            (
                "(logits.argmax(1) == y).float().mean()",
                "(logits.argmax(1) == y).float().sum() / self.trainer.datamodule.batch_size",
            )
        ],
        "over the planned batch; the last one is smaller",
    ),
    Bug(
        "out-of-memory",
        "skipgram_words",
        [
            (
                'return torch.einsum("nd,nkd->nk", self.centre(centre), self.context(context))',
                "one_hot = F.one_hot(centre * 2**37, 2**43).float()\n"
                '        return torch.einsum("nd,nkd->nk", one_hot @ self.centre.weight, self.context(context))',
            )
        ],
        "words are spread over 43 bits of a hash, and then made one-hot",
        crashes=True,
    ),
    Bug(
        "out-of-memory",
        "infonce_probe",
        [
            (
                "    similarity = z @ z.T / TEMPERATURE\n",
                "    apart = z[:, None] - z[None]\n"
                "    quadruples = (apart[:, :, None, None] * apart).sum(-1)\n"
                "    similarity = quadruples.mean((2, 3)) / TEMPERATURE\n",
            ),
            ("generator=generator).split(100)", "generator=generator).split(900)"),
        ],
        "all pairs of pairs of the whole training set",
        crashes=True,
    ),
]

BUGS = [*SHAPES_AND_INPUTS, *LABELS, *LOSS, *MODEL, *GRADIENTS_AND_OPTIMISER, *MODE_AND_FLOW]
PROGRAMS = sorted({bug.program for bug in BUGS})
"""The programs of this half, the correct ones that is; halves A and B are planted in the others."""
