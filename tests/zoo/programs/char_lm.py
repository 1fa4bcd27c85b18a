import torch
from torch import nn

TEXT = """
the sun rises in the east and sets in the west. the moon goes round the earth and the earth goes round the sun.
the wind in the trees and the rain on the roof are the sounds of the night. the owl sits in the oak and waits for
the mouse. the mouse hides in the hay and waits for the dawn. when the dawn comes the owl goes home to sleep and the
mouse goes out to eat the grain that fell on the ground. so the days go round and the nights go round, as the earth
goes round the sun and the moon goes round the earth.
""".replace("\n", " ")

torch.manual_seed(0)
chars = sorted(set(TEXT))
index = {c: i for i, c in enumerate(chars)}
codes = torch.tensor([index[c] for c in TEXT])
cut = int(0.85 * len(codes))
train_codes, val_codes = codes[:cut], codes[cut:]
CONTEXT = 16


class CharModel(nn.Module):
    def __init__(self, vocabulary, width=32):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.rnn = nn.GRU(width, 48, batch_first=True)
        self.head = nn.Linear(48, vocabulary)

    def forward(self, x):
        h, _ = self.rnn(self.embed(x))
        return self.head(h)


def get_batch(source, size=32):
    starts = torch.randint(0, len(source) - CONTEXT - 1, (size,))
    x = torch.stack([source[s : s + CONTEXT] for s in starts])
    y = torch.stack([source[s + 1 : s + CONTEXT + 1] for s in starts])
    return x, y


model = CharModel(len(chars))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _step in range(100):
    x, y = get_batch(train_codes)
    logits = model(x)
    loss = nn.functional.cross_entropy(logits.reshape(-1, len(chars)), y.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()

model.eval()
with torch.no_grad():
    logits = model(val_codes[:-1].unsqueeze(0))
    nats = nn.functional.cross_entropy(logits[0], val_codes[1:]).item()
print(f"{len(chars)} characters, uniform {torch.tensor(float(len(chars))).log().item():.2f} nats a character")
print(f"validation nats a character {nats:.3f}")
