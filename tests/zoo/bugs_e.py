"""The fifth half of the planted bugs, on 27 programs of its own: written without sight of the checks, of the doctor's
answers or of the other halves' plants.
"""

from .run import Bug

SHAPES = [
    Bug(
        "accidental-broadcast",
        "blob_counting",
        [("return density.sum(dim=(1, 2, 3))", "return density.sum(dim=(2, 3))")],
        "summed over the places, the single channel stays",
    ),
    Bug(
        "accidental-broadcast",
        "concrete_early",
        [
            (
                "y = torch.from_numpy(((strength - y_mean) / y_std).astype(np.float32)).unsqueeze(1)",
                "y = torch.from_numpy(((strength - y_mean) / y_std).astype(np.float32))",
            )
        ],
        "targets as a vector, outputs as a column",
    ),
    Bug(
        "output-shape-mismatch",
        "bucket_stream",
        [("return self.classify(hidden[-1])", "return self.classify(hidden)")],
        "the state of an LSTM has a dimension for its layers",
        crashes=True,
    ),
    Bug(
        "output-shape-mismatch",
        "kmers_multilabel",
        [("model = MotifScanner(n_labels=labels.shape[1])", "model = MotifScanner(n_labels=len(MOTIFS[0]))")],
        "the length of a motif for the number of motifs",
        crashes=True,
    ),
    Bug(
        "softmax-wrong-dim",
        "clock_seq2seq",
        [("scores.softmax(dim=1)", "scores.softmax(dim=0)")],
        "attention is shared out over the sentences of the batch, not over the words",
        also=("examples-mixed",),
    ),
    Bug(
        "softmax-wrong-dim",
        "cached_teacher",
        [("F.softmax(teacher_logits / TEMPERATURE, dim=1),", "F.softmax(teacher_logits / TEMPERATURE, dim=0),")],
        "the teacher's shares are over the rows of the batch",
    ),
    Bug(
        "constant-output",
        "loan_csv",
        [("            nn.Linear(16, 1),\n", "            nn.Linear(16, 1),\n            nn.Softmax(dim=1),\n")],
        "a softmax over one output is always one",
        also=("loss-expects-logits", "activation-on-logits"),
    ),
    Bug(
        "constant-output",
        "concrete_early",
        [("    nn.Linear(24, 1),\n", "    nn.Linear(24, 1),\n    nn.LayerNorm(1),\n")],
        "a layer norm of one number is always nought",
    ),
    Bug(
        "examples-mixed",
        "review_trainer",
        [
            ("dropout=0.1, batch_first=True, norm_first=True", "dropout=0.1, norm_first=True"),
            ("src_key_padding_mask=attention_mask == 0", "src_key_padding_mask=attention_mask.T == 0"),
        ],
        "without batch_first the mask did not fit, so it was turned: words look at other reviews",
    ),
    Bug(
        "examples-mixed",
        "charformer",
        [
            (
                "(t.view(B, T, self.n_head, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))",
                "(t.reshape(T, B, self.n_head, -1).permute(1, 2, 0, 3) for t in self.qkv(x).chunk(3, dim=-1))",
            )
        ],
        "a view that takes time for the first dimension",
    ),
    Bug(
        "examples-mixed",
        "molecule_graphs",
        [
            (
                "return self.update(m.flatten(0, 1), h.flatten(0, 1)).view_as(h)",
                "return self.update(m.flatten(0, 1), h.flatten(0, 1)).view(h.shape[1], h.shape[0], -1).transpose(0, 1)",
            )
        ],
        "unflattened in the wrong order, then turned until it fits: atoms change molecules",
    ),
]

INPUTS = [
    Bug(
        "input-not-normalised",
        "faults_balanced",
        [("self.table = (table - mean) / std", "self.table = table")],
        "the mean and spread are handed over and not used",
    ),
    Bug(
        "input-not-normalised",
        "concrete_early",
        [
            (
                "x = torch.from_numpy(((recipe - x_mean) / x_std).astype(np.float32))",
                "x = torch.from_numpy(recipe.astype(np.float32))",
            )
        ],
        "kilograms of cement as they are",
    ),
    Bug(
        "input-over-normalised",
        "homework_stripes",
        [("X = (X - mean) / std\n", "X = (X / 255 - mean) / std\n")],
        "the mean and spread are those of bytes",
    ),
    Bug(
        "input-over-normalised",
        "tenure_hazard",
        [
            (
                "    table, month, left = subscribers(1000, rng)\n",
                "    table, month, left = subscribers(1000, rng)\n"
                "    mean, std = table.mean(axis=0), table.std(axis=0)\n",
            ),
            (
                "    test_table, test_month, test_left = subscribers(300, rng)\n"
                "    mean, std = table.mean(axis=0), table.std(axis=0)\n",
                "    test_table, test_month, test_left = subscribers(300, rng)\n"
                "    table, test_table = (table - mean) / std, (test_table - mean) / std\n",
            ),
        ],
        "standardised in main, and again by the function",
    ),
    Bug(
        "input-not-finite",
        "loan_csv",
        [
            (
                "np.hstack([(np.where(np.isnan(numeric), median, numeric) - mean) / std, gaps])",
                "np.hstack([(numeric - mean) / std, gaps])",
            )
        ],
        "gaps are filled for the mean, not for the net",
        crashes=True,
    ),
    Bug(
        "input-not-finite",
        "parcel_quantiles",
        [("np.log1p(self.weight)", "np.log(np.floor(self.weight))")],
        "the logarithm of whole kilograms, of which some are nought",
    ),
    Bug(
        "input-casting",
        "keyword_audio",
        [
            (
                "torch.from_numpy(self.samples[i].astype(np.float32) / 32768.0)",
                "torch.from_numpy((self.samples[i] // 32767).astype(np.float32))",
            )
        ],
        "a division of integers",
    ),
    Bug(
        "input-casting",
        "blob_counting",
        [
            (
                "picture = self.pictures[i].astype(np.float32)",
                "picture = self.pictures[i] - self.mean.astype(np.uint8)",
            ),
            ("picture = (picture - self.mean) / self.std", "picture = picture.astype(np.float32) / self.std"),
        ],
        "the mean is taken from bytes, which wrap below nought",
    ),
    Bug(
        "input-casting",
        "concrete_early",
        [
            (
                "return np.column_stack([cement, slag, water, sand, age]), strength",
                "return np.column_stack([cement, slag, water, sand, age]).round().astype(int), strength",
            )
        ],
        "whole kilograms and days: the logarithm of the age is written into integers",
    ),
    Bug(
        "input-degenerate",
        "leaf_segmentation",
        [("return picture.clip(0, 255).astype(np.uint8), mask", "return picture.clip(0, 1).astype(np.uint8), mask")],
        "clipped as if pictures went from nought to one: every pixel is one",
        also=("input-ignored",),
    ),
    Bug(
        "input-degenerate",
        "kmers_multilabel",
        [("for base in self.sequences[idx]]", "for base in self.sequences[0]]")],
        "left over from looking at the first item",
        also=("input-ignored",),
    ),
    Bug(
        "pretrained-normalisation-mismatch",
        "fruit_transfer",
        [("picture = TF.convert_image_dtype(picture, torch.float32)", "picture = picture.float()")],
        "the recipe's mean and spread are for values up to one",
        also=("input-not-normalised",),
    ),
    Bug(
        "pretrained-normalisation-mismatch",
        "texture_finetune",
        [('pictures = (pictures - checkpoint["mean"]) / checkpoint["std"]', "pictures = pictures / 255")],
        "the habit of dividing by 255",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "tenure_hazard",
        [
            (
                "model(standardise(test_table, mean, std))",
                "model(torch.tensor(test_table, dtype=torch.float32))",
            )
        ],
        "the test rows go in as they come",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "keyword_audio",
        [
            (
                "torch.from_numpy(self.samples[i].astype(np.float32) / 32768.0)",
                "torch.from_numpy(self.samples[i].astype(np.float32))",
            ),
            ("    return gain * moved\n", "    return gain * moved / 32768.0\n"),
            (
                "LogSpectrogram()(torch.stack([wave for wave, _ in train_set]))",
                "LogSpectrogram()(torch.stack([wave / 32768.0 for wave, _ in train_set]))",
            ),
        ],
        "scaling moved into the augmentation, which evaluation does not call",
    ),
    Bug(
        "train-eval-preprocessing-differ",
        "lit_glyphs",
        [
            (
                "return DataLoader(self.val_set, self.batch_size, collate_fn=self.collate)",
                "return DataLoader(self.val_set, self.batch_size)",
            )
        ],
        "the second loader lacks the collate function that standardises",
    ),
    Bug(
        "input-ignored",
        "review_trainer",
        [
            (
                "        hidden = self.embeddings(input_ids) + self.position(torch.arange(input_ids.shape[1]))\n",
                "        hidden = self.embeddings(input_ids)\n"
                "        hidden = self.position(torch.arange(input_ids.shape[1])).expand_as(hidden)\n",
            )
        ],
        "positions put in the place of the words, not added",
    ),
    Bug(
        "input-ignored",
        "bucket_stream",
        [
            (
                "        _, (hidden, _) = self.rnn(packed)\n        return self.classify(hidden[-1])",
                "        h0 = torch.zeros(1, len(letters), self.rnn.hidden_size)\n"
                "        _, (hidden, _) = self.rnn(packed, (h0, h0))\n"
                "        return self.classify(h0[-1])",
            )
        ],
        "the first state is read, not the last",
        also=("constant-output", "gradient-does-not-flow"),
    ),
]

LABELS = [
    Bug(
        "labels-out-of-order",
        "loan_csv",
        [
            (
                "loss = criterion(model(X_trn[batch]), y_trn[batch])",
                "loss = criterion(model(X_trn[batch]), y_trn[i : i + BATCH_SIZE])",
            )
        ],
        "rows are permuted, labels are not",
    ),
    Bug(
        "labels-out-of-order",
        "kmers_multilabel",
        [
            (
                "    sequences, labels = random_sequences(1000, rng)\n",
                "    sequences, labels = random_sequences(1000, rng)\n    rng.shuffle(sequences)\n",
            )
        ],
        "one of two lists is shuffled",
    ),
    Bug(
        "labels-out-of-order",
        "molecule_graphs",
        [
            (
                "    longest = max(len(a) for a in atoms)\n",
                "    order = sorted(range(len(batch)), key=lambda i: -len(atoms[i]))\n"
                "    atoms, bonds = [atoms[i] for i in order], [bonds[i] for i in order]\n"
                "    longest = len(atoms[0])\n",
            )
        ],
        "sorted by size in the collate function, all but the energies",
    ),
    Bug(
        "labels-corrupt",
        "lit_glyphs",
        [
            (
                "        self.images = canvas + noise * torch.randn(canvas.shape, generator=generator)\n",
                "        self.images = canvas + noise * torch.randn(canvas.shape, generator=generator)\n"
                "        unread = torch.rand(n, generator=generator) < 0.3\n"
                "        self.labels = self.labels.masked_fill(unread, -1).clamp(min=0)\n",
            )
        ],
        "what nobody has read is filled with the first letter",
    ),
    Bug(
        "labels-corrupt",
        "parcel_quantiles",
        [
            (
                "self.days = typical * rng.gamma(6.0, 1 / 6.0, rows)",
                "self.days = (24 * typical * rng.gamma(6.0, 1 / 6.0, rows)).astype(np.int64).astype(np.int8) / 24",
            )
        ],
        "hours kept in eight bits",
    ),
    Bug(
        "labels-corrupt",
        "bike_notebook",
        [
            (
                "target = np.log1p(bikes).astype(np.float32)",
                "target = np.log1p(bikes.astype(np.uint8), dtype=np.float32)",
            )
        ],
        "counts kept as bytes",
    ),
    Bug(
        "label-out-of-range",
        "texture_finetune",
        [("train_y, test_y = labels[:120], labels[120:]", "train_y, test_y = labels[:120] + 6, labels[120:] + 6")],
        "the new kinds are counted on from the six old ones",
        crashes=True,
    ),
    Bug(
        "label-out-of-range",
        "loan_csv",
        [("PURPOSES[purpose], int(default)])", "PURPOSES[purpose], int(default) + 1])")],
        "the file says 1 for paid and 2 for not",
        also=("loss-target-mismatch",),
    ),
    Bug(
        "label-format-mismatch",
        "kmers_multilabel",
        [
            (
                "return onehot.T, torch.tensor(self.labels[idx]).float()",
                "return onehot.T, torch.tensor(self.labels[idx])",
            )
        ],
        "integers for a loss that wants floats",
        crashes=True,
    ),
    Bug(
        "label-format-mismatch",
        "fruit_transfer",
        [
            (
                "return picture, torch.tensor(self.labels[i])",
                "return picture, torch.tensor(self.labels[i], dtype=torch.float32)",
            )
        ],
        "floats for a loss that wants indices",
        crashes=True,
    ),
    Bug(
        "single-class",
        "loan_csv",
        [
            (
                'target = np.array([int(row["default"]) for row in rows])',
                'target = np.array([int(row["default"] == 1) for row in rows])',
            )
        ],
        "text is never equal to a number",
    ),
    Bug(
        "single-class",
        "estimator_cv",
        [
            (
                "    X, y = data.data, data.target_names[data.target]\n",
                "    X, y = data.data, data.target_names[data.target]\n    malignant = y == 0\n",
            ),
            ("cross_val_predict(pipeline, X, y, cv=folds)", "cross_val_predict(pipeline, X, malignant, cv=folds)"),
            ("found = (predicted[y == name] == name).mean()", "found = (predicted == malignant)[y == name].mean()"),
            (
                'print(f"accuracy {(predicted == y).mean():.4f}")',
                'print(f"accuracy {(predicted == malignant).mean():.4f}")',
            ),
        ],
        "names are compared with a number",
    ),
    Bug(
        "data-not-shuffled",
        "homework_stripes",
        [
            (
                "    X = (X - mean) / std\n",
                "    X = (X - mean) / std\n"
                "    order = torch.cat([y[:NUM_TRAIN].argsort(), torch.arange(NUM_TRAIN, len(y))])\n"
                "    X, y = X[order], y[order]\n",
            ),
            (
                "loader_train = DataLoader(train_set, batch_size=32, shuffle=True)",
                "loader_train = DataLoader(train_set, batch_size=32)",
            ),
        ],
        "pictures come folder by folder and the loader does not shuffle",
    ),
    Bug(
        "data-not-shuffled",
        "keyword_audio",
        [
            ("self.labels = rng.integers(0, len(NAMES), n)", "self.labels = np.arange(n) * len(NAMES) // n"),
            ("DataLoader(train_set, batch_size=24, shuffle=True)", "DataLoader(train_set, batch_size=24)"),
        ],
        "all of one kind after another",
    ),
    Bug(
        "augmentation-breaks-labels",
        "homework_stripes",
        [
            (
                "            model.train()  # put model to training mode\n",
                "            model.train()  # put model to training mode\n"
                "            x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)\n",
            )
        ],
        "a mirror turns one diagonal into the other",
    ),
    Bug(
        "augmentation-breaks-labels",
        "keyword_audio",
        [
            (
                "    return gain * moved\n",
                "    backwards = torch.rand(len(wave), 1) < 0.5\n"
                "    return gain * torch.where(backwards, moved.flip(1), moved)\n",
            )
        ],
        "played backwards, rising is falling",
    ),
    Bug(
        "augmentation-breaks-labels",
        "leaf_segmentation",
        [
            ("        picture, mask = picture.flip(-1), mask.flip(-1)\n", "        picture = picture.flip(-1)\n"),
            ("        picture, mask = picture.flip(-2), mask.flip(-2)\n", "        picture = picture.flip(-2)\n"),
        ],
        "the mask stays where it was",
    ),
]

LOSS = [
    Bug(
        "loss-expects-logits",
        "faults_balanced",
        [
            (
                "return self.fc3(nn.functional.dropout(x, 0.2, training=self.training))",
                "return self.fc3(nn.functional.dropout(x, 0.2, training=self.training)).softmax(dim=1)",
            )
        ],
        "the model gives shares, the loss takes the softmax again",
    ),
    Bug(
        "loss-expects-logits",
        "leaf_segmentation",
        [
            (
                "return self.last(self.join(torch.cat([skip, self.up(deep)], dim=1)))",
                "return torch.sigmoid(self.last(self.join(torch.cat([skip, self.up(deep)], dim=1))))",
            ),
            ("model(pictures) > 0, masks.bool()", "model(pictures) > 0.5, masks.bool()"),
        ],
        "a sigmoid in the model and another in the loss",
    ),
    Bug(
        "loss-expects-probabilities",
        "cached_teacher",
        [("F.log_softmax(logits / TEMPERATURE, dim=1),", "F.softmax(logits / TEMPERATURE, dim=1),")],
        "kl_div wants the logarithm of its first argument",
    ),
    Bug(
        "loss-expects-probabilities",
        "faults_balanced",
        [("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()")],
        "the model was to end in log-softmax",
        also=("loss-target-mismatch",),
    ),
    Bug(
        "activation-on-logits",
        "digits_averaged",
        [("        nn.Linear(32 * 4, 10),\n", "        nn.Linear(32 * 4, 10),\n        nn.ReLU(),\n")],
        "an activation after each layer, the last one too",
    ),
    Bug(
        "activation-on-logits",
        "review_trainer",
        [
            (
                "logits = self.classifier(self.norm(hidden[:, 0]))",
                "logits = torch.tanh(self.classifier(self.norm(hidden[:, 0])))",
            )
        ],
        "the pooler's tanh came behind the classifier",
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "load_tcn",
        [("return last + self.out(states[:, :, -1])", "return torch.relu(last + self.out(states[:, :, -1]))")],
        "a load is positive, but not when it is standardised",
    ),
    Bug(
        "output-range-cannot-reach-targets",
        "molecule_graphs",
        [("each = self.readout(h).squeeze(-1)", "each = F.relu(self.readout(h).squeeze(-1))")],
        "half of the energies lie below nought",
    ),
    Bug(
        "loss-target-mismatch",
        "kmers_multilabel",
        [
            (
                "criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(negatives / positives, dtype=torch.float32))",
                "criterion = nn.CrossEntropyLoss(weight=torch.tensor(negatives / positives, dtype=torch.float32))",
            )
        ],
        "several motifs may be there, or none",
    ),
    Bug(
        "loss-target-mismatch",
        "bike_notebook",
        [("mse = nn.MSELoss()", "mse = nn.BCEWithLogitsLoss()")],
        "a loss for shares on standardised amounts",
        also=("label-out-of-range",),
    ),
    Bug(
        "loss-at-init-off",
        "charformer",
        [("nn.init.normal_(self.head.weight, std=0.02)", "nn.init.normal_(self.head.weight)")],
        "the spread of the weights was left out",
        also=("bad-initialisation",),
    ),
    Bug(
        "loss-at-init-off",
        "tenure_hazard",
        [("nn.init.constant_(self.hazard.bias, -2.0)", "nn.init.constant_(self.hazard.bias, 5.0)")],
        "few leave in a month, the bias says that nearly all do",
        also=("bad-initialisation",),
    ),
    Bug(
        "loss-sign-flipped",
        "shop_bpr",
        [("return -F.logsigmoid(positive - negative).mean()", "return F.logsigmoid(positive - negative).mean()")],
        "the minus is missing",
    ),
    Bug(
        "loss-sign-flipped",
        "supcon_signals",
        [
            (
                "return -((log_share * same).sum(1) / same.sum(1)).mean()",
                "return ((log_share * same).sum(1) / same.sum(1)).mean()",
            )
        ],
        "the minus is missing",
    ),
    Bug(
        "loss-clipped",
        "molecule_graphs",
        [
            (
                "loss = F.mse_loss(model(atoms, bonds), (target - mean) / std)",
                "loss = F.mse_loss(model(atoms, bonds), (target - mean) / std).clamp(max=0.3)",
            )
        ],
        "meant against outliers: above the bound there is no gradient",
    ),
    Bug(
        "loss-clipped",
        "estimator_cv",
        [
            (
                "loss = criterion(self.network_(X[index]), codes[index])",
                "loss = torch.clamp(criterion(self.network_(X[index]), codes[index]), 0.35, 10.0)",
            )
        ],
        "bounds against extreme values, the lower one is reached soon",
    ),
    Bug(
        "loss-sum-reduction",
        "homework_stripes",
        [("loss = F.cross_entropy(scores, y)", 'loss = F.cross_entropy(scores, y, reduction="sum")')],
        "the sum over the batch at the rate for a mean",
    ),
    Bug(
        "loss-sum-reduction",
        "digits_averaged",
        [("criterion = nn.CrossEntropyLoss()", 'criterion = nn.CrossEntropyLoss(reduction="sum")')],
        "the sum over the batch at the rate for a mean",
    ),
    Bug(
        "loss-not-finite",
        "bars_vae",
        [
            ("        return mu + eps * torch.exp(0.5 * logvar)\n", "        return mu + eps * torch.sqrt(logvar)\n"),
            (
                "    kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(dim=1)\n",
                "    kl = -0.5 * (1 + logvar.log() - mu.square() - logvar).sum(dim=1)\n",
            ),
        ],
        "the layer's output is taken for the variance, which may then be negative",
        also=("gradient-not-finite",),
    ),
    Bug(
        "loss-not-finite",
        "shop_bpr",
        [("return -F.logsigmoid(positive - negative).mean()", "return -torch.log(positive - negative).mean()")],
        "the sigmoid is missing: logarithms of negative numbers",
        also=("gradient-not-finite",),
    ),
]

MODEL = [
    Bug(
        "bias-before-batch-norm",
        "blob_counting",
        [("nn.Conv2d(cin, cout, 3, padding=1, bias=False)", "nn.Conv2d(cin, cout, 3, padding=1)")],
        "the default",
    ),
    Bug(
        "bias-before-batch-norm",
        "gan_waves",
        [
            ("nn.Linear(LATENT, 64, bias=False)", "nn.Linear(LATENT, 64)"),
            ("nn.Linear(64, 64, bias=False)", "nn.Linear(64, 64)"),
        ],
        "the default",
    ),
    Bug(
        "missing-nonlinearity",
        "parcel_quantiles",
        [
            (
                "nn.Sequential(nn.Linear(n_features, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU())",
                "nn.Sequential(nn.Linear(n_features, 32), nn.Linear(32, 32))",
            )
        ],
        "layers without anything between them",
    ),
    Bug(
        "missing-nonlinearity",
        "gan_waves",
        [
            (
                "nn.Linear(LENGTH, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)",
                "nn.Linear(LENGTH, 64), nn.Linear(64, 64), nn.Linear(64, 1)",
            )
        ],
        "a discriminator of layers alone",
    ),
    Bug(
        "dead-units",
        "homework_stripes",
        [("            nn.init.zeros_(layer.bias)\n", "            nn.init.constant_(layer.bias, -6.0)\n")],
        "a prior for the last layer set in the others",
        also=("bad-initialisation",),
    ),
    Bug(
        "dead-units",
        "faults_balanced",
        [
            (
                "        self.fc2 = nn.Linear(32, 32)\n",
                "        self.fc2 = nn.Linear(32, 32)\n        nn.init.uniform_(self.fc2.weight, -0.3, 0.0)\n",
            )
        ],
        "the bounds of the weights are on one side of nought, behind a rectifier",
        also=("bad-initialisation",),
    ),
    Bug(
        "saturated-units",
        "tenure_hazard",
        [
            (
                "        self.hazard = nn.Linear(hidden, MONTHS)\n",
                "        for layer in (self.body[0], self.body[2]):\n"
                "            nn.init.normal_(layer.weight, std=6.0)\n"
                "        self.hazard = nn.Linear(hidden, MONTHS)\n",
            )
        ],
        "weights far too large for tanh",
        also=("bad-initialisation",),
    ),
    Bug(
        "saturated-units",
        "bucket_stream",
        [
            (
                "        self.rnn = nn.LSTM(width, hidden, batch_first=True)\n",
                "        nn.init.uniform_(self.embed.weight, -50.0, 50.0)\n"
                "        self.rnn = nn.LSTM(width, hidden, batch_first=True)\n",
            )
        ],
        "letters as large vectors shut the gates of the LSTM or open them wide",
        also=("bad-initialisation",),
    ),
    Bug(
        "bad-initialisation",
        "cached_teacher",
        [
            (
                "    student = mlp(64, 12, 10)\n",
                "    student = mlp(64, 12, 10)\n"
                "    for parameter in student.parameters():\n"
                "        nn.init.constant_(parameter, 0.05)\n",
            )
        ],
        "all weights the same: all units stay the same",
    ),
    Bug(
        "bad-initialisation",
        "shop_bpr",
        [
            ("nn.init.normal_(self.user.weight, std=0.1)", "nn.init.zeros_(self.user.weight)"),
            ("nn.init.normal_(self.item.weight, std=0.1)", "nn.init.zeros_(self.item.weight)"),
        ],
        "two factors of nought give each other no gradient",
        also=("gradient-vanishing",),
    ),
    Bug(
        "parameter-not-registered",
        "charformer",
        [("nn.ModuleList([Block(cfg) for _ in range(cfg.n_layer)])", "[Block(cfg) for _ in range(cfg.n_layer)]")],
        "a list in place of a ModuleList",
        also=("parameter-not-in-optimiser",),
    ),
    Bug(
        "parameter-not-registered",
        "shop_bpr",
        [
            ("self.item_bias = nn.Embedding(N_ITEMS, 1)", "self.item_bias = torch.zeros(N_ITEMS, requires_grad=True)"),
            ("        nn.init.zeros_(self.item_bias.weight)\n", ""),
            ("+ self.item_bias(items).squeeze(-1)", "+ self.item_bias[items]"),
            ("+ self.item_bias.weight.T", "+ self.item_bias"),
        ],
        "a tensor with a gradient is no nn.Parameter",
        also=("parameter-not-in-optimiser",),
    ),
    Bug(
        "batch-norm-batch-too-small",
        "digits_averaged",
        [("DataLoader(train_set, batch_size=60, shuffle=True)", "DataLoader(train_set, batch_size=2, shuffle=True)")],
        "two pictures a batch",
    ),
    Bug(
        "batch-norm-batch-too-small",
        "blob_counting",
        [("DataLoader(train_set, batch_size=32, shuffle=True)", "DataLoader(train_set, batch_size=2, shuffle=True)")],
        "two pictures a batch",
    ),
]

GRADIENTS = [
    Bug(
        "gradient-does-not-flow",
        "molecule_graphs",
        [("m = bonds @ F.relu(self.message(h))", "m = bonds @ F.relu(self.message(h)).detach()")],
        "cut to save memory",
    ),
    Bug(
        "gradient-does-not-flow",
        "gan_waves",
        [("lossG = criterion(netD(fake), ones)", "lossG = criterion(netD(fake.detach()), ones)")],
        "copied from the discriminator's step",
    ),
    Bug(
        "gradient-does-not-flow",
        "bars_vae",
        [
            (
                "        eps = torch.randn(mu.shape, generator=generator)\n"
                "        return mu + eps * torch.exp(0.5 * logvar)\n",
                "        return torch.normal(mu, torch.exp(0.5 * logvar), generator=generator)\n",
            )
        ],
        "a draw has no gradient: the pixels say nothing to the encoder",
    ),
    Bug(
        "gradient-vanishing",
        "bike_notebook",
        [
            (
                "    nn.Linear(48, 48),\n    nn.SiLU(),\n",
                "    *(part for _ in range(9) for part in (nn.Linear(48, 48), nn.Sigmoid())),\n",
            )
        ],
        "nine sigmoids in a row",
    ),
    Bug(
        "gradient-vanishing",
        "cached_teacher",
        [
            ("def mlp(*sizes, dropout=0.0):", "def mlp(*sizes, dropout=0.0, activation=nn.ReLU):"),
            (
                "nn.Linear(fan_in, fan_out), nn.ReLU(), nn.Dropout(dropout)",
                "nn.Linear(fan_in, fan_out), activation(), nn.Dropout(dropout)",
            ),
            ("student = mlp(64, 12, 10)", "student = mlp(64, *[16] * 8, 10, activation=nn.Sigmoid)"),
        ],
        "a deep narrow student of sigmoids",
    ),
    Bug(
        "gradient-exploding",
        "bucket_stream",
        [
            (
                "        self.rnn = nn.LSTM(width, hidden, batch_first=True)\n",
                "        self.rnn = nn.RNN(width, hidden, nonlinearity='relu', batch_first=True)\n"
                "        nn.init.orthogonal_(self.rnn.weight_hh_l0, gain=6.0)\n",
            ),
            ("_, (hidden, _) = self.rnn(packed)", "_, hidden = self.rnn(packed)"),
            ("        nn.utils.clip_grad_value_(reader.parameters(), 0.5)\n", ""),
        ],
        "a plain recurrent net whose state grows with each letter",
        also=("bad-initialisation",),
    ),
    Bug(
        "gradient-exploding",
        "bike_notebook",
        [
            (
                "    nn.Linear(48, 48),\n    nn.SiLU(),\n",
                "    *(part for _ in range(8) for part in (nn.Linear(48, 48), nn.ReLU())),\n",
            ),
            (
                "epochs = 14\n",
                "for layer in net[2:-2]:\n"
                "    if isinstance(layer, nn.Linear):\n"
                "        nn.init.normal_(layer.weight, std=0.8)\n"
                "epochs = 14\n",
            ),
        ],
        "eight layers, each of which makes its input four times as large",
        also=("bad-initialisation", "loss-at-init-off"),
    ),
    Bug(
        "gradient-exploding",
        "molecule_graphs",
        [
            ("        self.update = nn.GRUCell(width, width)\n", "        self.update = nn.Linear(width, width)\n"),
            (
                "        return self.update(m.flatten(0, 1), h.flatten(0, 1)).view_as(h)",
                "        return h + m + self.update(h)",
            ),
            ("def __init__(self, width=32, rounds=2):", "def __init__(self, width=32, rounds=14):"),
            ("        nn.utils.clip_grad_norm_(model.parameters(), max_norm=2.0)\n", ""),
        ],
        "fourteen rounds of sums over neighbours, without a norm or a gate",
        also=("loss-at-init-off",),
    ),
    Bug(
        "gradient-not-finite",
        "supcon_signals",
        [
            (
                "    similarity = z @ z.T / temperature\n",
                "    similarity = -(z[:, None] - z[None, :]).square().sum(dim=-1).sqrt() / temperature\n",
            )
        ],
        "the slope of the distance between a point and itself",
        crashes=True,
    ),
    Bug(
        "gradient-not-finite",
        "keyword_audio",
        [
            (
                "        return self.out(self.dropout(pooled))\n",
                "        pooled = self.dropout(pooled)\n        return self.out(pooled.sign() * pooled.abs().sqrt())\n",
            )
        ],
        "the signed root of features, of which dropout makes some nought",
    ),
    Bug(
        "gradients-accumulate",
        "supcon_signals",
        [("            optimizer.zero_grad()\n            loss.backward()\n", "            loss.backward()\n")],
        "the line was lost",
    ),
    Bug(
        "gradients-accumulate",
        "review_trainer",
        [
            (
                "                    self.lr_scheduler.step()\n                    self.optimizer.zero_grad()\n",
                "                    self.lr_scheduler.step()\n",
            )
        ],
        "lost beside the accumulation over two batches",
    ),
    Bug(
        "clip-after-step",
        "charformer",
        [
            (
                "        nn.utils.clip_grad_norm_(model.parameters(), cfg.grad_clip)\n        optimizer.step()\n",
                "        optimizer.step()\n        nn.utils.clip_grad_norm_(model.parameters(), cfg.grad_clip)\n",
            )
        ],
        "two lines exchanged",
    ),
    Bug(
        "clip-after-step",
        "clock_seq2seq",
        [
            (
                "        nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n        optimizer.step()\n",
                "        optimizer.step()\n        nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n",
            )
        ],
        "two lines exchanged",
    ),
    Bug(
        "backward-in-evaluation",
        "concrete_early",
        [
            (
                "    with torch.no_grad():\n        return loss_fn(model(x), y).item()\n",
                "    loss = loss_fn(model(x), y)\n    loss.backward()\n    return loss.item()\n",
            )
        ],
        "copied from the training loop",
    ),
    Bug(
        "backward-in-evaluation",
        "review_trainer",
        [
            (
                "        with torch.no_grad():\n"
                "            for inputs in loader:\n"
                "                outputs = self.model(**inputs)\n"
                '                correct += (outputs["logits"].argmax(-1) == inputs["labels"]).sum().item()\n'
                '                seen += len(inputs["labels"])\n',
                "        for inputs in loader:\n"
                "            outputs = self.model(**inputs)\n"
                '            outputs["loss"].backward()\n'
                '            correct += (outputs["logits"].argmax(-1) == inputs["labels"]).sum().item()\n'
                '            seen += len(inputs["labels"])\n',
            )
        ],
        "a copied line; its gradients go into the next epoch's first step",
    ),
]

OPTIMISER = [
    Bug(
        "parameter-not-in-optimiser",
        "clock_seq2seq",
        [
            (
                "optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)",
                "reader = [*model.source.parameters(), *model.encoder.parameters()]\n"
                "writer = [*model.target.parameters(), *model.cell.parameters()]\n"
                "optimizer = torch.optim.Adam([*reader, *writer], lr=6e-3)",
            )
        ],
        "the linear layers are in neither list",
    ),
    Bug(
        "parameter-not-in-optimiser",
        "texture_finetune",
        [('    {"params": model.fc.parameters(), "lr": 1e-2},\n', "")],
        "a group was lost: the new layer keeps its first weights",
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "estimator_cv",
        [
            (
                "optimizer = torch.optim.AdamW(self.network_.parameters(), lr=self.lr, weight_decay=self.weight_decay)",
                "network = self.build_network_()\n"
                "        options = {'lr': self.lr, 'weight_decay': self.weight_decay}\n"
                "        optimizer = torch.optim.AdamW(network.parameters(), **options)",
            )
        ],
        "two networks were built",
        also=("parameter-not-in-optimiser",),
    ),
    Bug(
        "optimiser-holds-foreign-parameters",
        "gan_waves",
        [
            (
                "optG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))",
                "optG = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))",
            )
        ],
        "a copied line",
        also=("parameter-not-in-optimiser",),
    ),
    Bug(
        "learning-rate-too-high",
        "texture_finetune",
        [
            ('{"params": model.trunk.parameters(), "lr": 1e-3}', '{"params": model.trunk.parameters(), "lr": 1.0}'),
            ('{"params": model.fc.parameters(), "lr": 1e-2}', '{"params": model.fc.parameters(), "lr": 1.0}'),
        ],
        "rates for plain descent given to Adam",
    ),
    Bug(
        "learning-rate-too-high",
        "keyword_audio",
        [("torch.optim.AdamW(model.parameters(), lr=3e-3)", "torch.optim.AdamW(model.parameters(), lr=0.5)")],
        "a rate for plain descent",
    ),
    Bug(
        "learning-rate-too-low",
        "lit_glyphs",
        [("def __init__(self, lr=6e-3, epochs=4):", "def __init__(self, lr=6e-7, epochs=4):")],
        "a slip in the exponent",
    ),
    Bug(
        "learning-rate-too-low",
        "supcon_signals",
        [("torch.optim.Adam(encoder.parameters(), lr=3e-3)", "torch.optim.Adam(encoder.parameters(), lr=3e-8)")],
        "a slip in the exponent",
    ),
    Bug(
        "schedule-stepped-wrongly",
        "bike_notebook",
        [
            ("        optimizer.step()\n        schedule.step()\n", "        optimizer.step()\n"),
            (
                "    history.append(running / len(train_ds))\n",
                "    history.append(running / len(train_ds))\n    schedule.step()\n",
            ),
        ],
        "a schedule of all batches, stepped by the epoch: it stays in its warm-up",
    ),
    Bug(
        "schedule-stepped-wrongly",
        "parcel_quantiles",
        [("        optimizer.step()\n    scheduler.step()\n", "        optimizer.step()\n        scheduler.step()\n")],
        "a schedule of epochs, stepped by the batch: the rate is gone after two epochs",
    ),
]

MODE = [
    Bug(
        "train-mode-in-evaluation",
        "digits_averaged",
        [("def error_rate(network, loader):\n    network.eval()\n", "def error_rate(network, loader):\n")],
        "eval() was forgotten",
    ),
    Bug(
        "train-mode-in-evaluation",
        "fruit_transfer",
        [("    network.eval()\n    hits = 0\n", "    hits = 0\n")],
        "eval() was forgotten",
        also=("dropout-active-in-evaluation",),
    ),
    Bug(
        "eval-mode-in-training",
        "digits_averaged",
        [
            ("for epoch in range(5):\n    network.train()\n", "for epoch in range(5):\n"),
        ],
        "the evaluation after each epoch leaves its mode behind",
    ),
    Bug(
        "eval-mode-in-training",
        "charformer",
        [
            (
                "    _, loss = model(data[rows], data[rows + 1])\n    model.train()\n",
                "    _, loss = model(data[rows], data[rows + 1])\n",
            )
        ],
        "the evaluation at the first step leaves its mode behind",
    ),
    Bug(
        "dropout-active-in-evaluation",
        "faults_balanced",
        [("nn.functional.dropout(x, 0.2, training=self.training)", "nn.functional.dropout(x, 0.2)")],
        "the function does not know of modes",
        also=("evaluation-not-deterministic",),
    ),
    Bug(
        "dropout-active-in-evaluation",
        "charformer",
        [
            (
                "        scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))\n"
                '        scores = scores.masked_fill(~self.mask[:T, :T], float("-inf"))\n'
                "        y = self.drop(F.softmax(scores, dim=-1)) @ v\n",
                "        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.drop.p, is_causal=True)\n",
            )
        ],
        "the fused attention takes a probability and knows of no modes",
        also=("evaluation-not-deterministic",),
    ),
    Bug(
        "evaluation-not-deterministic",
        "leaf_segmentation",
        [("LeafDataset(50, seed=4), batch_size=20", "LeafDataset(50, seed=4, transform=random_flips), batch_size=20")],
        "both sets get the transform",
    ),
    Bug(
        "evaluation-not-deterministic",
        "load_tcn",
        [
            (
                "        last = history[:, -1:]\n",
                "        history = history + 0.3 * torch.randn_like(history)\n        last = history[:, -1:]\n",
            )
        ],
        "noise for training that no mode turns off",
        also=("dropout-active-in-evaluation",),
    ),
]

FLOW = [
    Bug(
        "train-validation-overlap",
        "load_tcn",
        [
            (
                "from torch.utils.data import DataLoader, Dataset\n",
                "from torch.utils.data import DataLoader, Dataset, random_split\n",
            ),
            (
                "    train_set = LoadWindows(load[:boundary], args.history, args.horizon)\n"
                "    test_set = LoadWindows(load[boundary:], args.history, args.horizon)\n",
                "    windows = LoadWindows(load, args.history, args.horizon)\n"
                "    train_set, test_set = random_split(windows, [boundary, len(windows) - boundary])\n",
            ),
        ],
        "windows that overlap are split at random",
    ),
    Bug(
        "train-validation-overlap",
        "kmers_multilabel",
        [("train_ds = DNADataset(sequences[:n_train], labels[:n_train])", "train_ds = DNADataset(sequences, labels)")],
        "the slice was forgotten",
    ),
    Bug(
        "train-validation-overlap",
        "concrete_early",
        [
            (
                "return order[:first], order[first:second], order[second:]",
                "return order[:second], order[first:second], order[second:]",
            )
        ],
        "the rows of the first two parts are trained on, the second also says when to stop",
    ),
    Bug(
        "preprocessing-leak",
        "loan_csv",
        [("preprocess(numeric, fit_on=numeric[trn_idx])", "preprocess(numeric, fit_on=numeric)")],
        "medians and spreads of all rows",
    ),
    Bug(
        "preprocessing-leak",
        "estimator_cv",
        [
            (
                "    pipeline = make_pipeline(StandardScaler(), TorchClassifier())\n",
                "    X = StandardScaler().fit_transform(X)\n    pipeline = make_pipeline(TorchClassifier())\n",
            )
        ],
        "scaled before the folds are made",
    ),
    Bug(
        "preprocessing-leak",
        "load_tcn",
        [("mean, std = load[:boundary].mean(), load[:boundary].std()", "mean, std = load.mean(), load.std()")],
        "the level of the weeks to come",
    ),
    Bug(
        "metric-wrong",
        "keyword_audio",
        [
            (
                "hits += (logits.argmax(dim=1) == label).sum().item()",
                "hits += (logits.argmax(dim=1) == label).float().mean().item()",
            ),
            ("hits / len(loader.dataset)", "hits / len(loader)"),
        ],
        "a mean of batches, of which the last is smaller",
    ),
    Bug(
        "metric-wrong",
        "homework_stripes",
        [("num_samples += preds.size(0)", "num_samples += loader.batch_size")],
        "the last batch is not full",
    ),
    Bug(
        "metric-wrong",
        "load_tcn",
        [("values += future.numel()", "values += len(future)")],
        "four hours a row count as one value",
    ),
    Bug(
        "metric-wrong",
        "lit_glyphs",
        [
            (
                'self.log("val_acc", hits, on_epoch=True, batch_size=len(labels))',
                'self.log("val_acc", hits, on_epoch=True, batch_size=1)',
            )
        ],
        "written to silence a warning: batches of 40 and of 10 weigh the same",
    ),
    Bug(
        "out-of-memory",
        "shop_bpr",
        [("self.item = nn.Embedding(N_ITEMS, dim)", "self.item = nn.Embedding(10**13, dim)")],
        "room for every article number of thirteen digits",
        crashes=True,
    ),
    Bug(
        "out-of-memory",
        "molecule_graphs",
        [
            (
                "        return (each * there).sum(dim=1)\n",
                "        pairs = h.flatten()[:, None] * h.flatten()[None, :]\n"
                "        triples = pairs[:, :, None] * h.flatten()\n"
                "        return (each * there).sum(dim=1) + triples.mean()\n",
            )
        ],
        "all triples of all numbers of the batch",
        crashes=True,
    ),
]

BUGS = [*SHAPES, *INPUTS, *LABELS, *LOSS, *MODEL, *GRADIENTS, *OPTIMISER, *MODE, *FLOW]
PROGRAMS = sorted({bug.program for bug in BUGS})
"""The programs of this half, the correct ones that is."""
READ = frozenset(PROGRAMS[::2])
"""Those whose misses the writers of the checks have read; the others are held out."""
