import torch
from torch import nn

torch.manual_seed(19)
BLANK, SYMBOLS = 0, 4


def sample(n):
    """Each symbol lasts two to four frames, after a frame of silence; targets hold three symbols."""
    frames = torch.zeros(n, 18, SYMBOLS + 1)
    targets = torch.randint(1, SYMBOLS + 1, (n, 3))
    for i in range(n):
        t = 0
        for symbol in targets[i].tolist():
            frames[i, t, BLANK] = 1
            length = int(torch.randint(2, 5, (1,)))
            frames[i, t + 1 : t + 1 + length, symbol] = 1
            t += 1 + length
        frames[i, t:, BLANK] = 1
    return frames + 0.3 * torch.randn_like(frames), targets


class Recogniser(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(SYMBOLS + 1, 24, 3, padding=1)
        self.out = nn.Conv1d(24, SYMBOLS + 1, 1)

    def forward(self, frames):
        h = torch.relu(self.conv(frames.transpose(1, 2)))
        return self.out(h).permute(2, 0, 1).log_softmax(-1)  # time, batch, symbols


def greedy(log_probs):
    best = log_probs.argmax(-1).T
    return [[int(s) for s in torch.unique_consecutive(row) if s != BLANK] for row in best]


x, y = sample(400)
x_val, y_val = sample(100)
model = Recogniser()
ctc = nn.CTCLoss(blank=BLANK)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
for _epoch in range(10):
    for rows in torch.randperm(len(x)).split(40):
        log_probs = model(x[rows])
        frames_in = torch.full((len(rows),), 18)
        symbols_in = torch.full((len(rows),), 3)
        loss = ctc(log_probs, y[rows], frames_in, symbols_in)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    decoded = greedy(model(x_val))
right = sum(d == t for d, t in zip(decoded, y_val.tolist(), strict=True))
print(f"sequences read without an error {right / len(y_val):.2f}")
