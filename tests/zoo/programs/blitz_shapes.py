# Training a classifier on coloured shapes
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset

classes = ("bars", "columns", "disc", "frame")


def draw(kind, rng):
    """A picture of 12 x 12 pixels with three channels, uint8."""
    canvas = np.zeros((12, 12), dtype=bool)
    if kind == "bars":
        canvas[rng.integers(0, 3) :: 3] = True
    elif kind == "columns":
        canvas[:, rng.integers(0, 3) :: 3] = True
    else:
        row, column = rng.integers(4, 8, 2)
        y, x = np.ogrid[:12, :12]
        if kind == "disc":
            canvas = (y - row) ** 2 + (x - column) ** 2 <= 10
        else:
            far = np.maximum(abs(y - row), abs(x - column))
            canvas = (far == 3) | (far == 4)
    back, front = rng.integers(0, 90, 3), rng.integers(120, 256, 3)
    picture = np.where(canvas[None], front[:, None, None], back[:, None, None])
    return np.clip(picture + rng.normal(0, 40, picture.shape), 0, 255).astype(np.uint8)


class Shapes(Dataset):
    def __init__(self, n, seed, train=False):
        rng = np.random.default_rng(seed)
        self.targets = [i * len(classes) // n for i in range(n)]  # as the folders on disk: class by class
        self.data = np.stack([draw(classes[t], rng) for t in self.targets])
        self.train = train

    def __getitem__(self, index):
        image = torch.from_numpy(self.data[index])
        if self.train and torch.rand(()) < 0.5:
            image = image.flip(2)
        image = image.float() / 255
        image = (image - 0.5) / 0.5
        return image, self.targets[index]

    def __len__(self):
        return len(self.targets)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 3)
        self.fc1 = nn.Linear(16 * 3 * 3, 40)
        self.fc2 = nn.Linear(40, 24)
        self.fc3 = nn.Linear(24, 4)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = F.relu(self.conv2(x))
        x = torch.flatten(x, 1)  # flatten all dimensions except batch
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return x


torch.manual_seed(3)
trainset = Shapes(800, seed=10, train=True)
testset = Shapes(200, seed=11)
trainloader = DataLoader(trainset, batch_size=8, shuffle=True)
testloader = DataLoader(testset, batch_size=50, shuffle=False)

net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.02, momentum=0.9)

for epoch in range(4):  # loop over the dataset multiple times
    running_loss = 0.0
    for i, data in enumerate(trainloader, 0):
        # get the inputs; data is a list of [inputs, labels]
        inputs, labels = data

        # zero the parameter gradients
        optimizer.zero_grad()

        # forward + backward + optimize
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()

        # print statistics
        running_loss += loss.item()
        if i % 50 == 49:
            print(f"[{epoch + 1}, {i + 1:5d}] loss: {running_loss / 50:.3f}")
            running_loss = 0.0
print("Finished Training")

correct = 0
total = 0
with torch.no_grad():
    for data in testloader:
        images, labels = data
        outputs = net(images)
        _, predicted = torch.max(outputs, 1)
        total += labels.size(0)
        correct += (predicted == labels).sum().item()
print(f"Accuracy of the network on the {total} test images: {correct / total}")
