"""Tags each token by what it and its neighbours are; padding is ignored in loss and metric."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

PAD = -100


def sentence(generator):
    length = int(torch.randint(5, 11, (1,), generator=generator))
    tokens = torch.randint(1, 11, (length,), generator=generator)
    before = torch.cat([torch.zeros(1, dtype=torch.long), tokens[:-1]])
    tags = torch.where(tokens > before, 1, 0) + torch.where(tokens % 2 == 0, 2, 0)
    return tokens, tags


def collate(pairs):
    tokens = pad_sequence([t for t, _ in pairs], batch_first=True)
    tags = pad_sequence([t for _, t in pairs], batch_first=True, padding_value=PAD)
    return tokens, tags, torch.tensor([len(t) for t, _ in pairs])


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 16, padding_idx=0)
        self.gru = nn.GRU(16, 24, batch_first=True, bidirectional=True)
        self.out = nn.Linear(48, 4)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        return self.out(hidden)


torch.manual_seed(53)
generator = torch.Generator().manual_seed(53)
train = [sentence(generator) for _ in range(500)]
val = collate([sentence(generator) for _ in range(150)])
loader = torch.utils.data.DataLoader(train, batch_size=25, shuffle=True, collate_fn=collate)
model = Tagger()
criterion = nn.CrossEntropyLoss(ignore_index=PAD)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(4):
    model.train()
    for tokens, tags, lengths in loader:
        logits = model(tokens, lengths)
        loss = criterion(logits.permute(0, 2, 1), tags)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        tokens, tags, lengths = val
        mask = tags != PAD
        accuracy = (model(tokens, lengths).argmax(-1) == tags)[mask].float().mean().item()
    print(f"epoch {epoch}: token accuracy {accuracy:.3f}")
