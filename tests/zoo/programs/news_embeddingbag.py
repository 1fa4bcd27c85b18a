"""Text classification with a bag of words and offsets."""

import random

import torch
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.data.dataset import random_split

TOPICS = {
    1: "match goal team coach season score league player win final cup striker".split(),
    2: "market shares bank profit price oil trade growth stocks rate deal quarter".split(),
    3: "software chip phone network code robot data server web browser user screen".split(),
    4: "election minister vote party treaty border troops summit court law protest senate".split(),
}
COMMON = "the a of in on after says new for with and to over as at is week year two".split()


def make_news(n, rng):
    for _ in range(n):
        label = rng.randint(1, 4)
        words = [
            rng.choice(TOPICS[label]) if rng.random() < 0.25 else rng.choice(COMMON) for _ in range(rng.randint(6, 16))
        ]
        if rng.random() < 0.5:
            words.append(rng.choice(TOPICS[rng.randint(1, 4)]))
        yield label, " ".join(words)


rng = random.Random(12)
dataset = list(make_news(1200, rng))
words = sorted({*COMMON, *(word for topic in TOPICS.values() for word in topic)})
vocab = {word: i for i, word in enumerate(["<unk>", *words])}


def text_pipeline(line):
    return [vocab.get(word, 0) for word in line.split()]


def label_pipeline(label):
    return label - 1


def collate_batch(batch):
    label_list, text_list, offsets = [], [], [0]
    for label, text in batch:
        label_list.append(label_pipeline(label))
        processed_text = torch.tensor(text_pipeline(text), dtype=torch.int64)
        text_list.append(processed_text)
        offsets.append(processed_text.size(0))
    labels = torch.tensor(label_list, dtype=torch.int64)
    return labels, torch.cat(text_list), torch.tensor(offsets[:-1]).cumsum(dim=0)


class TextClassificationModel(nn.Module):
    def __init__(self, vocab_size, embed_dim, num_class):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocab_size, embed_dim)
        self.fc = nn.Linear(embed_dim, num_class)
        self.init_weights()

    def init_weights(self):
        initrange = 0.5
        self.embedding.weight.data.uniform_(-initrange, initrange)
        self.fc.weight.data.uniform_(-initrange, initrange)
        self.fc.bias.data.zero_()

    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets))


def train(dataloader):
    model.train()
    total_acc, total_count = 0, 0
    log_interval = 20
    for idx, (label, text, offsets) in enumerate(dataloader):
        optimizer.zero_grad()
        predicted_label = model(text, offsets)
        loss = criterion(predicted_label, label)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        total_acc += (predicted_label.argmax(1) == label).sum().item()
        total_count += label.size(0)
        if idx % log_interval == 0 and idx > 0:
            print(f"| epoch {epoch:3d} | {idx:5d}/{len(dataloader):5d} | accuracy {total_acc / total_count:8.3f}")
            total_acc, total_count = 0, 0


def evaluate(dataloader):
    model.eval()
    total_acc, total_count = 0, 0
    with torch.no_grad():
        for label, text, offsets in dataloader:
            predicted_label = model(text, offsets)
            total_acc += (predicted_label.argmax(1) == label).sum().item()
            total_count += label.size(0)
    return total_acc / total_count


torch.manual_seed(12)
EPOCHS, LR, BATCH_SIZE = 5, 2.0, 16
model = TextClassificationModel(len(vocab), 24, len(TOPICS))
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LR)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
split_train, split_valid = random_split(dataset, [1000, 200])
train_dataloader = DataLoader(split_train, batch_size=BATCH_SIZE, shuffle=True, collate_fn=collate_batch)
valid_dataloader = DataLoader(split_valid, batch_size=BATCH_SIZE, collate_fn=collate_batch)
for epoch in range(1, EPOCHS + 1):
    train(train_dataloader)
    accu_val = evaluate(valid_dataloader)
    scheduler.step()
    print(f"| end of epoch {epoch:3d} | valid accuracy {accu_val:8.3f}")
