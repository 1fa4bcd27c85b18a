"""A language model of words whose output layer is its embedding (Press and Wolf, 2017)."""

import torch
from torch import nn

SUBJECTS = ["cats", "dogs", "birds", "fish"]
VERBS = {"cats": "chase", "dogs": "guard", "birds": "sing", "fish": "swim"}
PLACES = {"cats": "indoors", "dogs": "outside", "birds": "above", "fish": "below"}


def sentences(n, generator):
    words = []
    for i in torch.randint(0, 4, (n,), generator=generator).tolist():
        subject = SUBJECTS[i]
        words += [subject, VERBS[subject], PLACES[subject], "."]
    return words


class TiedModel(nn.Module):
    def __init__(self, vocabulary, width=24):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=0.2)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.decoder = nn.Linear(width, vocabulary)
        self.decoder.weight = self.embedding.weight

    def forward(self, tokens):
        hidden, _ = self.lstm(self.embedding(tokens))
        return self.decoder(hidden)


torch.manual_seed(2)
generator = torch.Generator().manual_seed(2)
words = sentences(300, generator)
vocabulary = sorted(set(words))
stream = torch.tensor([vocabulary.index(w) for w in words])
train, val = stream[:1000], stream[1000:]
model = TiedModel(len(vocabulary))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()

for _epoch in range(12):
    model.train()
    windows = train[: 1000 // 20 * 20].view(-1, 20)
    for rows in torch.randperm(len(windows)).split(10):
        x, y = windows[rows, :-1], windows[rows, 1:]
        optimizer.zero_grad()
        logits = model(x)
        loss = criterion(logits.flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

model.eval()
with torch.no_grad():
    nats = criterion(model(val[None, :-1])[0], val[1:]).item()
print(f"perplexity {torch.tensor(nats).exp().item():.3f}")
