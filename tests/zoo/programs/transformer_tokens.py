import torch
from torch import nn

VOCABULARY, LENGTH, WIDTH = 8, 6, 24


class TokenClassifier(nn.Module):
    """Says whether the first token comes again in the sequence."""

    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, WIDTH)
        self.position = nn.Embedding(LENGTH, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, nhead=4, dim_feedforward=48, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, tokens):
        h = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
        h = self.encoder(h)
        return self.head(h[:, 0])


def make(n, generator):
    tokens = torch.randint(0, VOCABULARY, (n, LENGTH), generator=generator)
    labels = torch.randint(0, 2, (n,), generator=generator)
    again = (tokens[:, 1:] == tokens[:, :1]).any(1)
    for i in range(n):
        first = tokens[i, 0]
        if labels[i] == 1 and not again[i]:
            tokens[i, 1 + int(torch.randint(0, LENGTH - 1, (1,), generator=generator))] = first
        elif labels[i] == 0:
            same = tokens[i, 1:] == first
            tokens[i, 1:][same] = (first + 1) % VOCABULARY
    return tokens, labels


def main():
    torch.manual_seed(6)
    generator = torch.Generator().manual_seed(6)
    x, y = make(1500, generator)
    x_val, y_val = make(300, generator)
    model = TokenClassifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for epoch in range(6):
        model.train()
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(x_val).argmax(-1) == y_val).float().mean().item()
        print(f"{epoch} {accuracy:.3f}")


if __name__ == "__main__":
    main()
