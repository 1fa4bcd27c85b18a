"""The fourth half of the planted bugs, on 33 programs of its own: written without sight of the checks, of the doctor's
answers or of the halves A and B.
"""

from .run import Bug

SHAPES = [
    Bug(
        "accidental-broadcast",
        "diabetes_patience",
        [("return self.head(self.body(x)).squeeze(-1)", "return self.head(self.body(x))")],
        "the squeeze was forgotten",
    ),
    Bug(
        "accidental-broadcast",
        "friedman_trainer",
        [
            (
                "return self.model((x - self.x_mean) / self.x_std)[:, 0]",
                "return self.model((x - self.x_mean) / self.x_std)",
            )
        ],
        "the only column is not taken out",
    ),
    Bug(
        "accidental-broadcast",
        "damped_wave",
        [("y = wave(t) + 0.05 * torch.randn_like(t)", "y = wave(t[:, 0]) + 0.05 * torch.randn(len(t))")],
        "targets as a plain vector, outputs as a column",
    ),
    Bug(
        "output-shape-mismatch",
        "digits_lenet",
        [
            ("self.fc1 = nn.Linear(24 * 2 * 2, 48)", "self.fc1 = nn.Linear(24 * 2, 48)"),
            ("x = x.flatten(1)", "x = x.view(-1, 24 * 2)"),
        ],
        "a view with a wrong product makes two rows of each picture",
        crashes=True,
    ),
    Bug(
        "output-shape-mismatch",
        "gru_drift",
        [("return self.fc(states[:, -1])", "return self.fc(states)")],
        "an answer for each step, not for the last one",
        crashes=True,
    ),
    Bug(
        "output-shape-mismatch",
        "film_genres",
        [
            (
                "return torch.cat([head(h) for head in self.heads], dim=1)",
                "return torch.cat([head(h) for head in self.heads])",
            )
        ],
        "cat without a dimension puts the genres below each other",
        crashes=True,
    ),
    Bug(
        "output-shape-mismatch",
        "wine_cellar",
        [("self.out = nn.Linear(24, n_classes)", "self.out = nn.Linear(24, n_features)")],
        "as many outputs as features: a slip of completion",
    ),
    Bug(
        "softmax-wrong-dim",
        "clusters_best",
        [("return F.log_softmax(self.last(x), dim=-1)", "return F.log_softmax(self.last(x), dim=0)")],
        "dim=0, as for one example",
        also=["examples-mixed"],
    ),
    Bug(
        "softmax-wrong-dim",
        "iris_steps",
        [("nn.LogSoftmax(dim=1)", "nn.LogSoftmax(dim=0)")],
        "dimensions counted without the batch",
        also=["examples-mixed"],
    ),
    Bug(
        "constant-output",
        "moons_sigmoid",
        [("return self.sigmoid(out)", "return torch.softmax(out, dim=1)")],
        "a softmax over the only output is always one",
        also=["gradient-does-not-flow"],
    ),
    Bug(
        "constant-output",
        "digits_parity",
        [("    nn.Linear(32, 1),\n", "    nn.Linear(32, 1),\n    nn.LayerNorm(1),\n")],
        "a layer norm over a single number leaves its bias",
        also=["gradient-does-not-flow"],
    ),
    Bug(
        "constant-output",
        "severity_coral",
        [
            (
                "return self.score(self.features(x)) + self.thresholds",
                "return torch.softmax(self.score(self.features(x)), dim=1) + self.thresholds",
            )
        ],
        "a softmax over one score is one",
        also=["gradient-does-not-flow"],
    ),
    Bug(
        "examples-mixed",
        "gru_drift",
        [("self.gru = nn.GRU(1, hidden, batch_first=True)", "self.gru = nn.GRU(1, hidden)")],
        "without batch_first the recurrence runs over the batch",
    ),
    Bug(
        "examples-mixed",
        "syllables_gru",
        [("self.rnn = nn.GRU(16, width, batch_first=True)", "self.rnn = nn.GRU(16, width)")],
        "without batch_first, which square batches hide",
    ),
    Bug(
        "examples-mixed",
        "pairs_contrastive",
        [("return F.normalize(self.fc2(h), dim=1)", "return F.normalize(self.fc2(h), dim=0)")],
        "each feature is normalised over the batch, not each embedding",
    ),
]

INPUTS = [
    Bug(
        "input-not-normalised",
        "cancer_rmsprop",
        [
            ("torch.tensor(sc.fit_transform(dataset.data[train_idx])", "torch.tensor(dataset.data[train_idx]"),
            ("torch.tensor(sc.transform(dataset.data[valid_idx])", "torch.tensor(dataset.data[valid_idx]"),
        ],
        "the scaler is made and never used",
    ),
    Bug(
        "input-not-normalised",
        "lit_wine_quality",
        [("self.encoder((x - self.mean) / self.std)", "self.encoder(x)")],
        "the buffers are registered and never used",
    ),
    Bug(
        "input-not-normalised",
        "shapes_cnn",
        [("        img = (img / 255.0 - 0.2) / 0.25\n", "")],
        "bytes go in as they are",
    ),
    Bug(
        "input-not-normalised",
        "spectra_finetune",
        [('return (counts - pretrained["mean"]) / pretrained["std"]', "return counts")],
        "raw counts go into the encoder",
        also=["pretrained-normalisation-mismatch"],
    ),
    Bug(
        "input-not-normalised",
        "lbfgs_logistic",
        [("a, b = (a - mu) / sd, (b - mu) / sd\n", "")],
        "squares of features in their own units",
    ),
    Bug(
        "input-over-normalised",
        "digits_parity",
        [("dtype=torch.float32) / 8 - 1", "dtype=torch.float32) / 16 / 255")],
        "scaled to [0, 1] already, then by 255 out of habit",
    ),
    Bug(
        "input-over-normalised",
        "bottleneck_bce",
        [("z = self.encoder((x - self.mean) / self.std)", "z = self.encoder(x / 255)")],
        "pixels were scaled where they are read",
    ),
    Bug(
        "input-not-finite",
        "station_history",
        [
            ("series = fill(record(900, 0))", "series = record(900, 0)"),
            (
                "mean, std = train_part.mean(), train_part.std()",
                "mean, std = np.nanmean(train_part), np.nanstd(train_part)",
            ),
        ],
        "the gaps are never filled, only left out of the statistics",
        also=["loss-not-finite"],
    ),
    Bug(
        "input-not-finite",
        "pairs_contrastive",
        [
            (
                "x_train, x_val = (x_train - mean) / 0.3, (x_val - mean) / 0.3",
                "std = x_train.std(0)\nx_train, x_val = (x_train - mean) / std, (x_val - mean) / std",
            )
        ],
        "pixels that are always black have no deviation",
        also=["loss-not-finite"],
    ),
    Bug(
        "input-not-finite",
        "spectra_finetune",
        [('return (counts - pretrained["mean"]) / pretrained["std"]', "return torch.log(counts - 900)")],
        "the background is taken off before the logarithm: noise goes below nought",
        also=["loss-not-finite"],
    ),
    Bug(
        "input-casting",
        "shapes_cnn",
        [
            (
                "img = torch.from_numpy(self.images[i]).float().unsqueeze(0)\n        img = (img / 255.0 - 0.2) / 0.25",
                "img = torch.from_numpy(self.images[i]).unsqueeze(0)\n        img = (img - 51).float() / 64",
            )
        ],
        "the mean is subtracted in bytes: dark pixels wrap round to bright ones",
    ),
    Bug(
        "input-casting",
        "digits_lenet",
        [("(torch.tensor(bunch.images) * 15).to(torch.uint8)", "(torch.tensor(bunch.images) * 16).to(torch.uint8)")],
        "sixteen times sixteen is 256: the brightest pixels become black",
    ),
    Bug(
        "input-casting",
        "film_genres",
        [
            (
                "x_train = (x_train - mean) / std\n",
                "x_train = ((x_train - mean) / std).astype(np.int8).astype(np.float32)\n",
            ),
            (
                "x_valid = (x_valid - mean) / std\n",
                "x_valid = ((x_valid - mean) / std).astype(np.int8).astype(np.float32)\n",
            ),
        ],
        "standardised values are kept as bytes to save memory",
        also=["input-degenerate"],
    ),
    Bug(
        "input-degenerate",
        "packed_lstm",
        [
            (
                "packed = pack_padded_sequence(self.embed(tokens),",
                "packed = pack_padded_sequence(self.embed((tokens != PAD).long()),",
            )
        ],
        "the mask of the padding goes where the tokens should",
    ),
    Bug(
        "input-degenerate",
        "sales_windows",
        [("np.stack([series[i : i + WINDOW] for i in", "np.stack([series[:WINDOW] for i in")],
        "every window is the first one",
        also=["input-ignored", "constant-output"],
    ),
    Bug(
        "input-degenerate",
        "damped_wave",
        [("dataset = TensorDataset(t, y)", "dataset = TensorDataset(t.round(), y)")],
        "times are kept in whole seconds",
    ),
    Bug(
        "input-ignored",
        "shapes_cnn",
        [
            (
                "        self.images = np.stack([draw(CLASSES[k], rng) for k in self.labels])\n",
                "        self.images = np.zeros((n, SIZE, SIZE), dtype=np.uint8)\n"
                "        for image, k in zip(self.images, self.labels, strict=True):\n"
                "            image = draw(CLASSES[k], rng)\n",
            )
        ],
        "the loop binds its variable anew, and fills nothing",
        also=["input-degenerate", "constant-output"],
    ),
    Bug(
        "input-ignored",
        "sensor_stream",
        [("signal[start::7] += 3.5", "signal[start::7] + 3.5")],
        "a sum that is thrown away: worn bearings do not knock",
        also=["labels-out-of-order"],
    ),
    Bug(
        "pretrained-normalisation-mismatch",
        "low_digits_transfer",
        [('inputs = (images - saved["mean"]) / saved["std"]', "inputs = images / 16")],
        "scaled to [0, 1], though the body has statistics of its own",
    ),
    Bug(
        "pretrained-normalisation-mismatch",
        "spectra_finetune",
        [('return (counts - pretrained["mean"]) / pretrained["std"]', "return counts / 2000")],
        "counts over a round number, though the checkpoint holds mean and deviation",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "cancer_rmsprop",
        [("torch.tensor(sc.transform(dataset.data[valid_idx])", "torch.tensor(dataset.data[valid_idx]")],
        "validation rows are not scaled",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "frugal_memory",
        [("inputs = (dev_x - train_mean) / train_std", "inputs = dev_x / 16")],
        "an older scaling lives on in the evaluation",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "digits_lenet",
        [
            (
                "        image = (image - 0.287) / 0.353\n        if self.train:\n",
                "        if self.train:\n            image = (image - 0.287) / 0.353\n",
            ),
        ],
        "the normalisation slid under the branch of the augmentation",
    ),
]

LABELS = [
    Bug(
        "labels-out-of-order",
        "cancer_rmsprop",
        [("loss = criterion(logits, ytr[rows])", "loss = criterion(logits, ytr[k : k + BATCH])")],
        "rows are shuffled, their labels are not",
    ),
    Bug(
        "labels-out-of-order",
        "iris_steps",
        [("features, species = features[order], species[order]", "features = features[order]")],
        "only the features are shuffled before the split",
    ),
    Bug(
        "labels-out-of-order",
        "swish_function",
        [("(y_train[chosen] - offset) / unit", "(y_train[: len(chosen)] - offset) / unit")],
        "targets of the first rows for rows drawn at random",
    ),
    Bug(
        "labels-out-of-order",
        "low_digits_transfer",
        [("fit(model, inputs[few], digits[few] - 6,", "fit(model, inputs[few], digits[few.sort().values] - 6,")],
        "the rows of the labels were sorted, those of the pictures were not",
    ),
    Bug(
        "labels-out-of-order",
        "syllables_gru",
        [
            (
                "    inputs, targets = batches(train_text, 24, 24)\n",
                "    inputs, _ = batches(train_text, 24, 24)\n    _, targets = batches(train_text, 24, 24)\n",
            )
        ],
        "two calls draw two sets of cuts",
    ),
    Bug(
        "labels-corrupt",
        "iris_steps",
        [
            (
                "loss = criterion(model(inputs[batch]), targets[batch])",
                "loss = criterion(model(inputs[batch]), (targets[batch] + 1) % 3)",
            )
        ],
        "in training classes are counted from one",
    ),
    Bug(
        "labels-corrupt",
        "shapes_cnn",
        [
            (
                "        if self.augment and torch.rand(1) < 0.5:\n"
                "            img = img.flip(-1)\n"
                "        return img, int(self.labels[i])",
                "        label = int(self.labels[i])\n"
                "        if self.augment:\n"
                "            label = sorted(CLASSES).index(CLASSES[label])\n"
                "            if torch.rand(1) < 0.5:\n"
                "                img = img.flip(-1)\n"
                "        return img, label",
            )
        ],
        "training takes the classes in the alphabet's order: squares and crosses are exchanged",
    ),
    Bug(
        "labels-corrupt",
        "clusters_best",
        [
            (
                "y_train, y_val, y_test = [torch.tensor(a) for a in (y_train, y_val, y_test)]\n",
                "y_train, y_val, y_test = [torch.tensor(a) for a in (y_train, y_val, y_test)]\n"
                "y_train[y_train > 2] = 0\n",
            )
        ],
        "two classes were put into class 0 for an experiment, in training alone",
    ),
    Bug(
        "label-out-of-range",
        "clusters_best",
        [("self.last = torch.nn.Linear(64, 5)", "self.last = torch.nn.Linear(64, 4)")],
        "one output too few",
        crashes=True,
    ),
    Bug(
        "label-out-of-range",
        "low_digits_transfer",
        [
            (
                "fit(model, inputs[few], digits[few] - 6, epochs=25, lr=1e-2)",
                "fit(model, inputs[few], digits[few] - 5, epochs=25, lr=1e-2)",
            )
        ],
        "labels of 1 to 4 for four outputs",
        crashes=True,
    ),
    Bug(
        "label-out-of-range",
        "packed_lstm",
        [("counts.index(max(counts))))", "counts.index(max(counts)) + 1))")],
        "the symbol, not its index, is the label",
        crashes=True,
    ),
    Bug(
        "label-format-mismatch",
        "wine_cellar",
        [("torch.tensor(y_tr).long()", "torch.tensor(y_tr).float()")],
        "class numbers as floats",
        crashes=True,
    ),
    Bug(
        "label-format-mismatch",
        "film_genres",
        [
            (
                "y_train, y_valid = genres[:750].astype(np.float32), genres[750:].astype(np.float32)",
                "y_train, y_valid = genres[:750], genres[750:]",
            )
        ],
        "genres as whole numbers for a loss that wants floats",
        crashes=True,
    ),
    Bug(
        "label-format-mismatch",
        "basket_encoder",
        [
            (
                "nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])",
                "nn.functional.cross_entropy(model(x_train[rows]), nn.functional.one_hot(y_train[rows], 2))",
            )
        ],
        "one-hot whole numbers for a loss that takes indices",
        crashes=True,
    ),
    Bug(
        "single-class",
        "sensor_stream",
        [("worn = torch.randint(0, 2, (), generator=g)", "worn = torch.randint(0, 1, (), generator=g)")],
        "the upper end of randint is not included",
    ),
    Bug(
        "single-class",
        "digits_parity",
        [
            (
                "odd = torch.tensor(digits.target % 2, dtype=torch.float32)",
                "odd = torch.tensor(digits.target % 2 > 1, dtype=torch.float32)",
            )
        ],
        "a remainder of two is never above one",
    ),
    Bug(
        "single-class",
        "basket_encoder",
        [("labels[i] = rng.randint(0, 1)", "labels[i] = rng.randrange(1)")],
        "randrange(1) is always 0",
    ),
    Bug(
        "data-not-shuffled",
        "folds_ema",
        [("for rows in torch.randperm(len(x_train)).split(16):", "for rows in torch.arange(len(x_train)).split(16):")],
        "the folds keep the file's order, which is sorted by species",
    ),
    Bug(
        "data-not-shuffled",
        "shapes_cnn",
        [
            (
                "self.labels = rng.integers(0, len(CLASSES), n)",
                "self.labels = np.sort(rng.integers(0, len(CLASSES), n))",
            ),
            (
                "DataLoader(Shapes(600, 0, augment=True), batch_size=40, shuffle=True)",
                "DataLoader(Shapes(600, 0, augment=True), batch_size=40)",
            ),
        ],
        "drawn class by class, and read in that order",
    ),
    Bug(
        "data-not-shuffled",
        "clusters_best",
        [("order = torch.randperm(X_train.size(0))", "order = torch.argsort(y_train)")],
        "sorted by class, to see the loss of each",
    ),
    Bug(
        "augmentation-breaks-labels",
        "cells_unet",
        [("picture, mask = picture.flip(1), mask.flip(1)", "picture = picture.flip(1)")],
        "the picture is mirrored, its mask is not",
    ),
    Bug(
        "augmentation-breaks-labels",
        "digits_lenet",
        [
            (
                "image = torch.roll(image, int(torch.randint(-1, 2, (1,))), dims=1)",
                "image = torch.rot90(image, int(torch.randint(0, 4, (1,))))",
            )
        ],
        "quarter turns of digits: a 6 becomes a 9",
    ),
    Bug(
        "augmentation-breaks-labels",
        "gru_drift",
        [
            (
                "            scores = model(x[rows])\n",
                "            inputs = x[rows]\n"
                "            if optimizer:\n"
                "                inputs = inputs * torch.randint(0, 2, (len(rows), 1, 1)).mul(2).sub(1)\n"
                "            scores = model(inputs)\n",
            )
        ],
        "walks are mirrored, but up is still called up",
    ),
]

LOSSES = [
    Bug(
        "loss-expects-logits",
        "shapes_cnn",
        [
            (
                "        nn.Linear(24 * 2 * 2, len(CLASSES)),\n",
                "        nn.Linear(24 * 2 * 2, len(CLASSES)),\n        nn.Softmax(dim=1),\n",
            )
        ],
        "a softmax at the end, as drawn in every figure",
    ),
    Bug(
        "loss-expects-logits",
        "cancer_rmsprop",
        [
            ("    nn.Linear(16, 1),\n", "    nn.Linear(16, 1),\n    nn.Sigmoid(),\n"),
            ("predicted = (valid_logits > 0).float()", "predicted = (valid_logits > 0.5).float()"),
        ],
        "a sigmoid in front of a loss that has its own",
    ),
    Bug(
        "loss-expects-logits",
        "film_genres",
        [
            (
                "return torch.cat([head(h) for head in self.heads], dim=1)",
                "return torch.sigmoid(torch.cat([head(h) for head in self.heads], dim=1))",
            ),
            (
                "probabilities = torch.sigmoid(net(torch.from_numpy(x_valid))).numpy()",
                "probabilities = net(torch.from_numpy(x_valid)).numpy()",
            ),
        ],
        "the sigmoid moved into the model, the loss stayed",
    ),
    Bug(
        "loss-expects-logits",
        "severity_coral",
        [
            (
                "return self.score(self.features(x)) + self.thresholds",
                "return torch.sigmoid(self.score(self.features(x)) + self.thresholds)",
            ),
            ("(self.forward(x) > 0)", "(self.forward(x) > 0.5)"),
        ],
        "chances in the model, and a loss that makes chances again",
    ),
    Bug(
        "loss-expects-probabilities",
        "iris_steps",
        [("        nn.LogSoftmax(dim=1),\n", "")],
        "NLLLoss of plain scores",
    ),
    Bug(
        "loss-expects-probabilities",
        "clusters_best",
        [("return F.log_softmax(self.last(x), dim=-1)", "return F.softmax(self.last(x), dim=-1)")],
        "nll_loss of probabilities, not of their logarithms",
    ),
    Bug(
        "loss-expects-probabilities",
        "bottleneck_bce",
        [("nn.Linear(48, 64), nn.Sigmoid())", "nn.Linear(48, 64))")],
        "BCELoss of plain scores",
        crashes=True,
    ),
    Bug(
        "activation-on-logits",
        "wine_cellar",
        [("return self.out(x)", "return torch.relu(self.out(x))")],
        "an activation after each layer, the last one too",
    ),
    Bug(
        "activation-on-logits",
        "packed_lstm",
        [("return self.head(self.drop(last[-1]))", "return torch.tanh(self.head(self.drop(last[-1])))")],
        "tanh at the end, as inside of the LSTM",
    ),
    Bug(
        "activation-on-logits",
        "shapes_cnn",
        [
            (
                "        nn.Linear(24 * 2 * 2, len(CLASSES)),\n",
                "        nn.Linear(24 * 2 * 2, len(CLASSES)),\n        nn.ReLU(),\n",
            )
        ],
        "the pattern of layer and rectifier goes on to the end",
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "damped_wave",
        [("return self.out(h)", "return torch.sigmoid(self.out(h))")],
        "a sigmoid for a wave that goes below nought",
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "sales_windows",
        [("nn.Linear(32, 1), nn.Flatten(0))", "nn.Linear(32, 1), nn.ReLU(), nn.Flatten(0))")],
        "sales are never negative, but standardised sales are",
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "swish_function",
        [("return self.linears[-1](x).flatten()", "return torch.sigmoid(self.linears[-1](x)).flatten()")],
        "targets were between 0 and 1 before they were standardised",
    ),
    Bug(
        "loss-target-mismatch",
        "shapes_cnn",
        [
            ("nn.Linear(24 * 2 * 2, len(CLASSES))", "nn.Linear(24 * 2 * 2, 1)"),
            ("loss = criterion(outputs, labels)", "loss = criterion(outputs.squeeze(1), labels.float())"),
            ("predicted = outputs.max(1).indices", "predicted = outputs.squeeze(1).round().long()"),
            ("criterion = nn.CrossEntropyLoss()", "criterion = nn.MSELoss()"),
        ],
        "a squared error on the numbers of the classes",
    ),
    Bug(
        "loss-target-mismatch",
        "frugal_memory",
        [
            ("self.head = nn.Linear(width, 10)", "self.head = nn.Linear(width, 1)"),
            (
                "loss = F.cross_entropy(logits.float(), train_y[rows])",
                "loss = F.mse_loss(logits.float().squeeze(1), train_y[rows].float())",
            ),
            ("(model(inputs).argmax(1) == dev_y)", "(model(inputs).squeeze(1).round() == dev_y)"),
        ],
        "the digit is estimated like a quantity",
    ),
    Bug(
        "loss-target-mismatch",
        "sales_windows",
        [("loss_function = nn.L1Loss()", "loss_function = nn.CrossEntropyLoss()")],
        "cross entropy on a quantity, which takes the batch for classes",
    ),
    Bug(
        "loss-at-init-off",
        "friedman_trainer",
        [
            ("target = (self.y[rows] - self.y_mean) / self.y_std", "target = self.y[rows]"),
            ("predicted = self.forward(self.x_val) * self.y_std + self.y_mean", "predicted = self.forward(self.x_val)"),
        ],
        "targets in their own units, far from nought",
    ),
    Bug(
        "loss-at-init-off",
        "frugal_memory",
        [("return self.head(x)", "return self.head(x) * 30")],
        "a temperature that should divide multiplies",
    ),
    Bug(
        "loss-at-init-off",
        "diabetes_patience",
        [
            (
                "y = torch.as_tensor((y - y_center) / y_scale, dtype=torch.float32)",
                "y = torch.as_tensor(y, dtype=torch.float32)",
            )
        ],
        "targets of 25 to 346 as they are",
    ),
    Bug(
        "loss-sign-flipped",
        "actor_critic_signs",
        [
            (
                "actor_loss = -(policy.log_prob(actions) * advantage).mean()",
                "actor_loss = (policy.log_prob(actions) * advantage).mean()",
            )
        ],
        "the minus of the policy gradient is missing",
    ),
    Bug(
        "loss-sign-flipped",
        "iris_steps",
        [
            (
                "loss = criterion(model(inputs[batch]), targets[batch])",
                "loss = -criterion(model(inputs[batch]), targets[batch])",
            )
        ],
        "a minus for the negative likelihood, which NLLLoss has already",
    ),
    Bug(
        "loss-sign-flipped",
        "basket_encoder",
        [
            (
                "torch.optim.AdamW(model.parameters(), lr=5e-3)",
                "torch.optim.AdamW(model.parameters(), lr=5e-3, maximize=True)",
            )
        ],
        "maximize was left from a likelihood",
    ),
    Bug(
        "loss-clipped",
        "damped_wave",
        [("loss = nn.functional.mse_loss(model(tb), yb)", "loss = (model(tb) - yb).pow(2).clamp(max=0.02).mean()")],
        "the squared errors are capped against outliers",
    ),
    Bug(
        "loss-clipped",
        "diabetes_patience",
        [("loss = criterion(prediction, yb)", "loss = criterion(prediction, yb).clamp(max=0.2)")],
        "the batch's loss is capped to keep steps small",
    ),
    Bug(
        "loss-clipped",
        "gru_drift",
        [
            ("loss = loss_fn(scores, y[rows])", "loss = loss_fn(scores, y[rows]).clamp(max=0.9).mean()"),
            ("loss_fn = nn.CrossEntropyLoss()", 'loss_fn = nn.CrossEntropyLoss(reduction="none")'),
        ],
        "each walk's loss is capped, below where an ignorant model starts",
    ),
    Bug(
        "loss-sum-reduction",
        "folds_ema",
        [
            (
                "loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])",
                'loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows], reduction="sum")',
            )
        ],
        "a sum over the batch",
    ),
    Bug(
        "loss-sum-reduction",
        "moons_sigmoid",
        [("criterion = nn.BCELoss()", 'criterion = nn.BCELoss(reduction="sum")')],
        "a sum over the batch, at a rate made for the mean",
        also=["learning-rate-too-high"],
    ),
    Bug(
        "loss-sum-reduction",
        "friedman_trainer",
        [
            (
                "loss = (self.forward(self.x[rows]) - target).pow(2).mean()",
                "loss = (self.forward(self.x[rows]) - target).pow(2).sum()",
            )
        ],
        "the residual sum of squares of the text book",
    ),
    Bug(
        "loss-not-finite",
        "sales_windows",
        [
            (
                "loss = loss_function(forecast, y_train[rows])",
                "loss = loss_function(forecast.log1p(), y_train[rows].log1p())",
            )
        ],
        "a relative error by logarithms, on values that were standardised",
    ),
    Bug(
        "loss-not-finite",
        "bottleneck_bce",
        [("loss = criterion(reconstruction, batch)", "loss = (batch * (batch.log() - reconstruction.log())).mean()")],
        "nought times the logarithm of nought, for each black pixel",
    ),
    Bug(
        "loss-not-finite",
        "station_history",
        [("loss = criterion(model(past), ahead)", "loss = criterion(model(past).sqrt(), ahead.sqrt())")],
        "roots to steady the spread, on values that were standardised",
    ),
    Bug(
        "loss-not-finite",
        "folds_ema",
        [
            (
                "            loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])\n",
                "            logits, kinds = model(x_train[rows]), y_train[rows]\n"
                "            each = [kinds == k for k in range(3)]\n"
                "            parts = [nn.functional.cross_entropy(logits[k], kinds[k]) for k in each]\n"
                "            loss = torch.stack(parts).mean()\n",
            )
        ],
        "a mean for each class, and now and then a batch without one of them",
    ),
]

MODELS = [
    Bug(
        "bias-before-batch-norm",
        "wine_cellar",
        [("self.hidden = nn.Linear(n_features, 24, bias=False)", "self.hidden = nn.Linear(n_features, 24)")],
        "the bias is there by default",
    ),
    Bug(
        "bias-before-batch-norm",
        "cells_unet",
        [
            (
                "nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)",
                "nn.Conv2d(channels_in, channels_out, 3, padding=1)",
            )
        ],
        "the bias is there by default",
    ),
    Bug(
        "bias-before-batch-norm",
        "digits_lenet",
        [
            ("nn.Conv2d(1, 12, 3, padding=1, bias=False)", "nn.Conv2d(1, 12, 3, padding=1)"),
            ("nn.Conv2d(12, 24, 3, padding=1, bias=False)", "nn.Conv2d(12, 24, 3, padding=1)"),
        ],
        "batch norm was added later",
    ),
    Bug(
        "missing-nonlinearity",
        "iris_steps",
        [("        nn.Linear(16, 16),\n        nn.Tanh(),\n", "        nn.Linear(16, 16),\n")],
        "a layer was added without its activation",
    ),
    Bug(
        "missing-nonlinearity",
        "moons_sigmoid",
        [("out = self.relu(self.layer1(x))", "out = self.layer1(x)")],
        "one of the activations is missing",
    ),
    Bug(
        "missing-nonlinearity",
        "pairs_contrastive",
        [("h = F.relu(self.fc1(x))", "h = self.fc1(x)")],
        "no activation between the only two layers",
    ),
    Bug(
        "dead-units",
        "cancer_rmsprop",
        [
            (
                "criterion = nn.BCEWithLogitsLoss()\n",
                "for layer in model:\n"
                "    if isinstance(layer, nn.Linear):\n"
                "        nn.init.constant_(layer.bias, -4.6)  # a prior of one in a hundred\n"
                "criterion = nn.BCEWithLogitsLoss()\n",
            )
        ],
        "the bias for rare positives, meant for the last layer, goes to all",
        also=["bad-initialisation"],
    ),
    Bug(
        "dead-units",
        "pairs_contrastive",
        [
            (
                "        self.fc2 = nn.Linear(64, dim)\n",
                "        nn.init.constant_(self.fc1.bias, -6.0)  # sparse codes\n"
                "        self.fc2 = nn.Linear(64, dim)\n",
            )
        ],
        "a bias for sparse codes, and so large that no unit wakes up",
        also=["bad-initialisation", "constant-output"],
    ),
    Bug(
        "dead-units",
        "bottleneck_bce",
        [
            (
                "nn.Sequential(nn.Linear(64, 48), nn.ELU(), nn.Linear(48, code))",
                "nn.Sequential(nn.Linear(64, 48), nn.Threshold(20.0, 0.0), nn.Linear(48, code))",
            )
        ],
        "a threshold of twenty grey levels, on features that have no grey levels",
        also=["constant-output"],
    ),
    Bug(
        "saturated-units",
        "damped_wave",
        [
            (
                "        self.out = nn.Linear(width, 1)\n",
                "        self.out = nn.Linear(width, 1)\n"
                "        for layer in (self.inp, self.mid):\n"
                "            nn.init.normal_(layer.weight, std=20.0)\n",
            )
        ],
        "weights that start large, for a curve that bends a lot",
        also=["bad-initialisation"],
    ),
    Bug(
        "saturated-units",
        "actor_critic_signs",
        [("h = torch.tanh(self.shared(state))", "h = torch.tanh(60 * self.shared(state))")],
        "sharpened, to be sure of the sign",
    ),
    Bug(
        "bad-initialisation",
        "communities_gcn",
        [("nn.init.xavier_uniform_(self.weight)", "nn.init.normal_(self.weight, std=3.0)")],
        "a normal draw of no thought-out width",
        also=["loss-at-init-off"],
    ),
    Bug(
        "bad-initialisation",
        "swish_function",
        [('nn.init.kaiming_uniform_(linear.weight, nonlinearity="linear")', "nn.init.constant_(linear.weight, 0.1)")],
        "all units of a layer start equal, and stay so",
    ),
    Bug(
        "bad-initialisation",
        "clusters_best",
        [
            (
                "        self.last = torch.nn.Linear(64, 5)\n",
                "        self.last = torch.nn.Linear(64, 5)\n"
                "        for block in self.blocks:\n"
                "            torch.nn.init.normal_(block.weight)\n",
            )
        ],
        "the default of normal_ has unit variance",
        also=["loss-at-init-off"],
    ),
    Bug(
        "parameter-not-registered",
        "clusters_best",
        [
            (
                "torch.nn.ModuleList([torch.nn.Linear(16, 64), torch.nn.Linear(64, 64)])",
                "[torch.nn.Linear(16, 64), torch.nn.Linear(64, 64)]",
            )
        ],
        "layers in a plain list",
    ),
    Bug(
        "parameter-not-registered",
        "film_genres",
        [
            (
                "self.heads = nn.ModuleList([nn.Linear(64, 1) for _ in range(6)])",
                "self.heads = [nn.Linear(64, 1) for _ in range(6)]",
            )
        ],
        "heads in a plain list",
    ),
    Bug(
        "parameter-not-registered",
        "basket_encoder",
        [
            (
                "self.positions = nn.Parameter(0.02 * torch.randn(LONGEST, width))",
                "self.positions = (0.02 * torch.randn(LONGEST, width)).requires_grad_()",
            )
        ],
        "a tensor that wants a gradient is no parameter",
    ),
    Bug(
        "batch-norm-batch-too-small",
        "wine_cellar",
        [("batch_size=31, shuffle=True, drop_last=True", "batch_size=2, shuffle=True, drop_last=True")],
        "batches of two",
    ),
    Bug(
        "batch-norm-batch-too-small",
        "severity_coral",
        [
            ("nn.Linear(10, 48), nn.ReLU(),", "nn.Linear(10, 48, bias=False), nn.BatchNorm1d(48), nn.ReLU(),"),
            (
                "DataLoader(TensorDataset(*patients(1000, 1)), batch_size=50,",
                "DataLoader(TensorDataset(*patients(1000, 1)), batch_size=2,",
            ),
            ("for epoch in range(15):", "for epoch in range(2):"),
        ],
        "batch norm added to a training in pairs",
    ),
]

GRADIENTS = [
    Bug(
        "gradient-does-not-flow",
        "lit_wine_quality",
        [
            (
                "        return self.classifier(self.encoder((x - self.mean) / self.std))",
                "        with torch.no_grad():\n"
                "            h = self.encoder((x - self.mean) / self.std)\n"
                "        return self.classifier(h)",
            )
        ],
        "no_grad around an encoder that is not pre-trained any more",
    ),
    Bug(
        "gradient-does-not-flow",
        "actor_critic_signs",
        [
            (
                "critic_loss = nn.functional.smooth_l1_loss(values, rewards)",
                "critic_loss = nn.functional.smooth_l1_loss(values.detach(), rewards)",
            )
        ],
        "the critic's own loss is detached too",
    ),
    Bug(
        "gradient-does-not-flow",
        "film_genres",
        [
            (
                "return torch.cat([head(h) for head in self.heads], dim=1)",
                "return torch.cat([self.heads[0](h) for head in self.heads], dim=1)",
            )
        ],
        "the first head answers for all genres; the others are unused",
    ),
    Bug(
        "gradient-does-not-flow",
        "lsgan_line",
        [("    g_score = D(fake)\n", "    g_score = D(fake.detach())\n")],
        "the generator's own loss is detached as the critic's is",
    ),
    Bug(
        "gradient-vanishing",
        "iris_steps",
        [
            (
                "        nn.Linear(16, 16),\n        nn.Tanh(),\n",
                "        *[layer for _ in range(8) for layer in (nn.Linear(16, 16), nn.Sigmoid())],\n",
            )
        ],
        "eight layers of sigmoids",
    ),
    Bug(
        "gradient-vanishing",
        "moons_sigmoid",
        [
            (
                "        out = self.relu(self.layer2(out))\n",
                "        for _ in range(8):\n            out = self.sigmoid(self.layer2(out))\n",
            )
        ],
        "deeper by the same layer eight times, with sigmoids",
    ),
    Bug(
        "gradient-vanishing",
        "swish_function",
        [
            ("sizes=(3, 40, 40, 1)", "sizes=(3, 40, 40, 40, 40, 40, 1)"),
            (
                'nn.init.kaiming_uniform_(linear.weight, nonlinearity="linear")',
                "nn.init.normal_(linear.weight, std=0.02)",
            ),
        ],
        "the small weights of a wide network in a deep and narrow one",
        also=["bad-initialisation"],
    ),
    Bug(
        "gradient-exploding",
        "gru_drift",
        [
            (
                "        self.gru = nn.GRU(1, hidden, batch_first=True)\n",
                '        self.gru = nn.RNN(1, hidden, nonlinearity="relu", batch_first=True)\n'
                "        nn.init.orthogonal_(self.gru.weight_hh_l0, gain=3.0)\n",
            ),
            ("                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n", ""),
        ],
        "a plain recurrence that trebles its state at each step",
        also=["bad-initialisation"],
    ),
    Bug(
        "gradient-exploding",
        "swish_function",
        [
            ("sizes=(3, 40, 40, 1)", "sizes=(3, 40, 40, 40, 40, 40, 40, 1)"),
            (
                'nn.init.kaiming_uniform_(linear.weight, nonlinearity="linear")',
                "nn.init.orthogonal_(linear.weight, gain=5.0)",
            ),
        ],
        "six layers that each make their input larger",
        also=["bad-initialisation", "loss-at-init-off"],
    ),
    Bug(
        "gradient-not-finite",
        "pairs_contrastive",
        [("distance = F.pairwise_distance(a, b)", "distance = (a - b).pow(2).sum(1).sqrt()")],
        "the root of nought, where a picture is paired with itself",
    ),
    Bug(
        "gradient-not-finite",
        "swish_function",
        [
            (
                "            x = Swish.apply(linear(x))\n",
                "            h = linear(x)\n            x = torch.where(h > 0, torch.sqrt(h + 0.25) - 0.5, h)\n",
            )
        ],
        "where() keeps the gradient of the branch that it does not take",
    ),
    Bug(
        "gradients-accumulate",
        "sales_windows",
        [("        model.zero_grad()\n", "")],
        "no zero_grad",
    ),
    Bug(
        "gradients-accumulate",
        "lsgan_line",
        [("    opt_d.zero_grad()\n", "")],
        "the critic's gradients are never cleared, and the generator's step adds to them",
    ),
    Bug(
        "gradients-accumulate",
        "basket_encoder",
        [
            ("        optimizer.zero_grad()\n", ""),
            ("    model.train()\n    for rows", "    model.train()\n    optimizer.zero_grad()\n    for rows"),
        ],
        "zero_grad once an epoch",
    ),
    Bug(
        "gradients-accumulate",
        "lbfgs_logistic",
        [("    optimizer.zero_grad()\n", "")],
        "the closure does not clear the gradients",
    ),
    Bug(
        "clip-after-step",
        "gru_drift",
        [
            (
                "                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
                "                optimizer.step()\n",
                "                optimizer.step()\n"
                "                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n",
            )
        ],
        "step and clip are exchanged",
    ),
    Bug(
        "clip-after-step",
        "syllables_gru",
        [
            (
                "    nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n    optimizer.step()\n",
                "    optimizer.step()\n    nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n",
            )
        ],
        "step and clip are exchanged",
    ),
    Bug(
        "clip-after-step",
        "frugal_memory",
        [
            (
                "            torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)\n            optimizer.step()\n",
                "            optimizer.step()\n            torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)\n",
            )
        ],
        "the clip was added below the step",
    ),
    Bug(
        "backward-in-evaluation",
        "cancer_rmsprop",
        [
            (
                "    with torch.no_grad():\n"
                "        valid_logits = model(Xva)\n"
                "        valid_loss = criterion(valid_logits, yva).item()\n",
                "    optimizer.zero_grad()\n"
                "    valid_logits = model(Xva)\n"
                "    valid_loss = criterion(valid_logits, yva)\n"
                "    valid_loss.backward()\n"
                "    optimizer.step()\n"
                "    with torch.no_grad():\n",
            )
        ],
        "the evaluation was copied from the training loop",
    ),
    Bug(
        "backward-in-evaluation",
        "gru_drift",
        [
            (
                "val_loss, val_acc = run_epoch(net, x_val, y_val, loss_fn)",
                "val_loss, val_acc = run_epoch(net, x_val, y_val, loss_fn, adam)",
            )
        ],
        "the optimiser is passed in the evaluation too",
        also=["train-mode-in-evaluation", "train-validation-overlap"],
    ),
]

OPTIMISERS = [
    Bug(
        "parameter-not-in-optimiser",
        "packed_lstm",
        [
            (
                "torch.optim.Adam(model.parameters(), lr=1e-2)",
                "torch.optim.Adam([*model.lstm.parameters(), *model.head.parameters()], lr=1e-2)",
            )
        ],
        "the embedding is left out",
    ),
    Bug(
        "parameter-not-in-optimiser",
        "severity_coral",
        [
            (
                "torch.optim.Adam(model.parameters(), lr=5e-3)",
                "torch.optim.Adam([*model.features.parameters(), *model.score.parameters()], lr=5e-3)",
            )
        ],
        "the thresholds are no layer, and forgotten",
    ),
    Bug(
        "parameter-not-in-optimiser",
        "lbfgs_logistic",
        [("torch.optim.LBFGS([w, c],", "torch.optim.LBFGS([w],")],
        "the intercept is left out",
    ),
    Bug(
        "parameter-not-in-optimiser",
        "spectra_finetune",
        [
            (
                '[{"params": encoder.parameters(), "lr": 3e-4}, {"params": model[1].parameters(), "lr": 3e-3}]',
                '[{"params": encoder.conv.parameters(), "lr": 3e-4}, {"params": encoder.fc.parameters(), "lr": 3e-3}]',
            )
        ],
        "the encoder's last layer is taken for the head",
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "clusters_best",
        [("path = Path(tempfile.mkdtemp())", "net = Net()\npath = Path(tempfile.mkdtemp())")],
        "a fresh network after its optimiser: a cell that was run again",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "syllables_gru",
        [
            (
                "optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)\n",
                "optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)\n"
                "model = CharModel(len(LETTERS), width=64)\n",
            )
        ],
        "a wider model was tried below the optimiser",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "lsgan_line",
        [("opt_g = optim.Adam(G.parameters(),", "opt_g = optim.Adam(mlp(NOISE_DIM, 2).parameters(),")],
        "the generator's optimiser is given a network of its own",
        also=["parameter-not-in-optimiser"],
    ),
    Bug(
        "learning-rate-too-high",
        "shapes_cnn",
        [("torch.optim.Adam(model.parameters(), lr=5e-3)", "torch.optim.Adam(model.parameters(), lr=0.5)")],
        "a rate for SGD in Adam",
    ),
    Bug(
        "learning-rate-too-high",
        "swish_function",
        [("torch.optim.Adam(net.parameters(), lr=1e-2)", "torch.optim.Adam(net.parameters(), lr=1.0)")],
        "two noughts too few",
    ),
    Bug(
        "learning-rate-too-high",
        "clusters_best",
        [("lr=0.08, momentum=0.9", "lr=8.0, momentum=0.9")],
        "the point slipped by two places",
    ),
    Bug(
        "learning-rate-too-low",
        "wine_cellar",
        [("lr=0.05, momentum=0.9", "lr=0.00001, momentum=0.9")],
        "a rate for fine-tuning, from nothing",
    ),
    Bug(
        "learning-rate-too-low",
        "station_history",
        [("torch.optim.Adam(model.parameters(), lr=4e-3)", "torch.optim.Adam(model.parameters(), lr=1e-6)")],
        "1e-6, out of caution",
    ),
    Bug(
        "learning-rate-too-low",
        "packed_lstm",
        [("torch.optim.Adam(model.parameters(), lr=1e-2)", "torch.optim.Adam(model.parameters(), lr=2e-6)")],
        "the rate of a large pre-trained model",
    ),
    Bug(
        "learning-rate-too-low",
        "low_digits_transfer",
        [("epochs=25, lr=1e-2)", "epochs=25, lr=1e-6)")],
        "a rate for fine-tuning a whole network, for a fresh head",
    ),
    Bug(
        "schedule-stepped-wrongly",
        "digits_lenet",
        [("        optimizer.step()\n    scheduler.step()\n", "        optimizer.step()\n        scheduler.step()\n")],
        "a length of five epochs, stepped at every batch: up and down all the time",
    ),
    Bug(
        "schedule-stepped-wrongly",
        "swish_function",
        [
            (
                "        optimizer.step()\n    lr_schedule.step()\n",
                "        optimizer.step()\n        lr_schedule.step()\n",
            )
        ],
        "a decay by epochs, stepped at every batch",
    ),
    Bug(
        "schedule-stepped-wrongly",
        "basket_encoder",
        [("        optimizer.step()\n        scheduler.step()\n", "        optimizer.step()\n    scheduler.step()\n")],
        "a length in batches, stepped once an epoch: it stays in the warm-up",
    ),
    Bug(
        "schedule-stepped-wrongly",
        "lit_wine_quality",
        [('"interval": "epoch"', '"interval": "step"')],
        "a length in epochs, stepped at every batch",
    ),
]

MODES = [
    Bug(
        "train-mode-in-evaluation",
        "wine_cellar",
        [("net.eval()\ncorrect = 0", "correct = 0")],
        "no eval()",
    ),
    Bug(
        "train-mode-in-evaluation",
        "communities_gcn",
        [("model.eval()\nwith", "with")],
        "no eval()",
    ),
    Bug(
        "train-mode-in-evaluation",
        "diabetes_patience",
        [("    model.eval()\n    x, y = dataset.tensors", "    x, y = dataset.tensors")],
        "no eval() in the function that measures",
    ),
    Bug(
        "eval-mode-in-training",
        "packed_lstm",
        [("    model.train()\n    return right / total", "    return right / total")],
        "the evaluation does not give train mode back",
    ),
    Bug(
        "eval-mode-in-training",
        "cells_unet",
        [("    net.train()\n    for pictures", "    for pictures")],
        "eval() at the end of each epoch, and no train() at its start",
    ),
    Bug(
        "eval-mode-in-training",
        "clusters_best",
        [("    net.train()\n    order", "    order")],
        "accuracy() turns eval mode on for good",
    ),
    Bug(
        "dropout-active-in-evaluation",
        "communities_gcn",
        [("h = F.dropout(h, 0.4, self.training)", "h = F.dropout(h, 0.4)")],
        "F.dropout is not told the mode",
        also=["evaluation-not-deterministic"],
    ),
    Bug(
        "dropout-active-in-evaluation",
        "digits_lenet",
        [("x = F.dropout(x, p=0.25, training=self.training)", "x = F.dropout(x, p=0.25)")],
        "F.dropout is not told the mode",
        also=["evaluation-not-deterministic"],
    ),
    Bug(
        "dropout-active-in-evaluation",
        "packed_lstm",
        [("return self.head(self.drop(last[-1]))", "return self.head(nn.functional.dropout(last[-1], 0.1))")],
        "the function in place of the module",
        also=["evaluation-not-deterministic"],
    ),
    Bug(
        "evaluation-not-deterministic",
        "bottleneck_bce",
        [("        return self.decoder(z)", "        return self.decoder(z + 0.5 * torch.randn_like(z))")],
        "noise on the code, in evaluation too",
    ),
    Bug(
        "evaluation-not-deterministic",
        "friedman_trainer",
        [
            (
                "return self.model((x - self.x_mean) / self.x_std)[:, 0]",
                "return self.model((x - self.x_mean) / self.x_std + 0.2 * torch.randn_like(x))[:, 0]",
            )
        ],
        "jitter on the inputs sits in the forward pass that validation shares",
    ),
    Bug(
        "evaluation-not-deterministic",
        "shapes_cnn",
        [("if self.augment and torch.rand(1) < 0.5:", "if torch.rand(1) < 0.5:")],
        "random mirroring of the test pictures as well",
    ),
]

FLOW = [
    Bug(
        "train-validation-overlap",
        "digits_parity",
        [("train, valid = where[:1300], where[1300:]", "train, valid = where[:1300], where[1000:]")],
        "the cuts overlap by 300 rows",
    ),
    Bug(
        "train-validation-overlap",
        "basket_encoder",
        [("x_valid, y_valid = baskets(400, 1)", "x_valid, y_valid = baskets(400, 0)")],
        "the same seed gives the same baskets",
    ),
    Bug(
        "train-validation-overlap",
        "pairs_contrastive",
        [("x[:1200], y[:1200], x[1200:], y[1200:]", "x[:1200], y[:1200], x[800:], y[800:]")],
        "the cut of an earlier split on one side",
    ),
    Bug(
        "train-validation-overlap",
        "station_history",
        [("train_part, test_part = series[:700], series[700:]", "train_part, test_part = series[:700], series[500:]")],
        "the test starts before the training ends",
    ),
    Bug(
        "preprocessing-leak",
        "wine_cellar",
        [("scaler = StandardScaler().fit(X_tr)", "scaler = StandardScaler().fit(X)")],
        "the scaler sees the test rows",
    ),
    Bug(
        "preprocessing-leak",
        "sales_windows",
        [
            (
                "level, spread = units[:SPLIT].mean(), units[:SPLIT].std()",
                "level, spread = units.mean(), units.std()",
            )
        ],
        "level and spread of the whole series, the future too",
    ),
    Bug(
        "preprocessing-leak",
        "iris_steps",
        [
            (
                "mu, sigma = features[:n].mean(axis=0), features[:n].std(axis=0)",
                "mu, sigma = features.mean(axis=0), features.std(axis=0)",
            )
        ],
        "statistics before the split",
    ),
    Bug(
        "preprocessing-leak",
        "folds_ema",
        [
            (
                "mean, std = flowers[train_rows].mean(0), flowers[train_rows].std(0)",
                "mean, std = flowers.mean(0), flowers.std(0)",
            )
        ],
        "statistics of all rows in each fold",
    ),
    Bug(
        "metric-wrong",
        "wine_cellar",
        [("round(correct / len(test_ds), 3)", "round(correct / (len(test_dl) * 32), 3)")],
        "divided by full batches, of which the last is none",
    ),
    Bug(
        "metric-wrong",
        "moons_sigmoid",
        [("decided = model(x_test).round()", "decided = model(x_test).round().squeeze(1)")],
        "a row against a column: every answer with every label",
    ),
    Bug(
        "metric-wrong",
        "digits_parity",
        [("accuracy {100 * correct:.1f} %", "accuracy {100 * correct:.1%}")],
        "a percentage of a percentage",
    ),
    Bug(
        "out-of-memory",
        "pairs_contrastive",
        [
            (
                "    loss = criterion(net(left), net(right), same)\n",
                "    codes = net(x_train)\n"
                "    d = torch.cdist(codes, codes)\n"
                "    alike = (y_train[:, None] == y_train[None, :]).float()\n"
                "    gap = MARGIN + d[:, :, None, None] - d[None, None, :, :]\n"
                "    loss = (alike[:, :, None, None] * (1 - alike) * gap.relu()).mean()\n",
            )
        ],
        "a loss over all quadruples of the training rows, not of the batch",
        crashes=True,
    ),
    Bug(
        "out-of-memory",
        "cells_unet",
        [
            (
                "        fine = self.down1(x)\n",
                "        x = F.interpolate(x, scale_factor=2**13)\n        fine = self.down1(x)\n",
            )
        ],
        "a size in pixels given as a factor",
        crashes=True,
    ),
]

BUGS = [*SHAPES, *INPUTS, *LABELS, *LOSSES, *MODELS, *GRADIENTS, *OPTIMISERS, *MODES, *FLOW]
PROGRAMS = sorted({bug.program for bug in BUGS})
"""The programs of this half, the correct ones that is."""
