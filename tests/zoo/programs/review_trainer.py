"""Is a review good or bad? A small encoder with a hand-written Trainer in the manner of well-known libraries."""

import math
import random
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader

GOOD = "great lovely superb warm clever fresh".split()
BAD = "awful dull broken cold silly stale".split()
FILLER = "the film was plot and actor music scene with quite story this in of ending".split()
VOCAB = {word: i for i, word in enumerate(["[PAD]", "[CLS]", "not", *GOOD, *BAD, *FILLER])}


@dataclass
class TrainingArguments:
    num_train_epochs: int = 7
    per_device_train_batch_size: int = 16
    per_device_eval_batch_size: int = 64
    gradient_accumulation_steps: int = 2
    learning_rate: float = 8e-3
    warmup_ratio: float = 0.1
    max_grad_norm: float = 1.0
    seed: int = 42


def write_review(rng):
    label = rng.randrange(2)
    words = rng.choices(FILLER, k=rng.randint(3, 9))
    for _ in range(rng.randint(1, 2)):
        negated = rng.random() < 0.25
        word = rng.choice(GOOD if bool(label) != negated else BAD)
        words.insert(rng.randint(0, len(words)), f"not {word}" if negated else word)
    return {"text": " ".join(words), "label": label}


class DataCollator:
    def __call__(self, features):
        encoded = [[VOCAB["[CLS]"], *(VOCAB[word] for word in f["text"].split())] for f in features]
        longest = max(len(ids) for ids in encoded)
        return {
            "input_ids": torch.tensor([ids + [VOCAB["[PAD]"]] * (longest - len(ids)) for ids in encoded]),
            "attention_mask": torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in encoded]),
            "labels": torch.tensor([f["label"] for f in features]),
        }


class ReviewClassifier(nn.Module):
    def __init__(self, vocab_size, d_model=32, num_labels=2):
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, d_model, padding_idx=0)
        self.position = nn.Embedding(40, d_model)
        layer = nn.TransformerEncoderLayer(d_model, 4, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d_model)
        self.classifier = nn.Linear(d_model, num_labels)
        self.loss_fct = nn.CrossEntropyLoss()

    def forward(self, input_ids, attention_mask, labels=None):
        hidden = self.embeddings(input_ids) + self.position(torch.arange(input_ids.shape[1]))
        hidden = self.encoder(hidden, src_key_padding_mask=attention_mask == 0)
        logits = self.classifier(self.norm(hidden[:, 0]))
        loss = self.loss_fct(logits, labels) if labels is not None else None
        return {"loss": loss, "logits": logits}


class Trainer:
    def __init__(self, model, args, train_dataset, eval_dataset, data_collator):
        self.model, self.args, self.data_collator = model, args, data_collator
        self.train_dataset, self.eval_dataset = train_dataset, eval_dataset

    def create_optimizer_and_scheduler(self, num_training_steps):
        warmup = math.ceil(self.args.warmup_ratio * num_training_steps)

        def linear(step):
            return min((step + 1) / warmup, max(0.0, (num_training_steps - step) / (num_training_steps - warmup)))

        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.args.learning_rate)
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, linear)

    def train(self):
        loader = DataLoader(
            self.train_dataset,
            batch_size=self.args.per_device_train_batch_size,
            shuffle=True,
            drop_last=True,
            collate_fn=self.data_collator,
        )
        accumulate = self.args.gradient_accumulation_steps
        self.create_optimizer_and_scheduler(len(loader) // accumulate * self.args.num_train_epochs)
        for epoch in range(self.args.num_train_epochs):
            self.model.train()
            for step, inputs in enumerate(loader):
                loss = self.model(**inputs)["loss"] / accumulate
                loss.backward()
                if (step + 1) % accumulate == 0:
                    nn.utils.clip_grad_norm_(self.model.parameters(), self.args.max_grad_norm)
                    self.optimizer.step()
                    self.lr_scheduler.step()
                    self.optimizer.zero_grad()
            print({"epoch": epoch + 1, **self.evaluate()})

    def evaluate(self):
        loader = DataLoader(
            self.eval_dataset, batch_size=self.args.per_device_eval_batch_size, collate_fn=self.data_collator
        )
        self.model.eval()
        correct, seen = 0, 0
        with torch.no_grad():
            for inputs in loader:
                outputs = self.model(**inputs)
                correct += (outputs["logits"].argmax(-1) == inputs["labels"]).sum().item()
                seen += len(inputs["labels"])
        return {"eval_accuracy": round(correct / seen, 4)}


if __name__ == "__main__":
    args = TrainingArguments()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    unique = {review["text"]: review for review in (write_review(rng) for _ in range(1000))}
    reviews = list(unique.values())
    trainer = Trainer(ReviewClassifier(len(VOCAB)), args, reviews[200:840], reviews[:200], DataCollator())
    trainer.train()
    print("final", trainer.evaluate())
