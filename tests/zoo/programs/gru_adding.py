# The adding problem: the sum of the two marked numbers of a sequence
import torch
import torch.nn as nn

BATCH_SIZE = 64
LENGTH = 8


def generate_batch(batch_size, generator):
    values = torch.rand(batch_size, LENGTH, generator=generator)
    marks = torch.zeros(batch_size, LENGTH)
    places = torch.rand(batch_size, LENGTH, generator=generator).topk(2, dim=1).indices
    marks.scatter_(1, places, 1.0)
    target = (values * marks).sum(dim=1)
    return torch.stack([values - 0.5, marks - 0.25], dim=2), target


class AddingModel(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.rnn = nn.GRU(input_size=2, hidden_size=hidden_size, batch_first=True)
        self.output = nn.Linear(hidden_size, 1)
        nn.init.constant_(self.output.bias, 1.0)  # the mean of the sums

    def forward(self, x):
        _, last = self.rnn(x)
        return self.output(last[0]).squeeze(1)


def main():
    torch.manual_seed(17)
    generator = torch.Generator().manual_seed(17)
    x_val, y_val = generate_batch(400, generator)
    model = AddingModel(24)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    criterion = nn.MSELoss()
    for step in range(150):
        x, y = generate_batch(BATCH_SIZE, generator)
        optimizer.zero_grad()
        prediction = model(x)
        loss = criterion(prediction, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 50 == 0:
            model.eval()
            with torch.no_grad():
                val = criterion(model(x_val), y_val).item()
            model.train()
            print(f"step {step + 1} val mse {val:.4f}")


if __name__ == "__main__":
    main()
