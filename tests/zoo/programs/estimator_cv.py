"""A net as a scikit-learn estimator, in a pipeline, under cross-validation."""

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn


class TorchClassifier(ClassifierMixin, BaseEstimator):
    def __init__(self, hidden=16, epochs=8, batch_size=32, lr=0.01, weight_decay=1e-3, seed=0):
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.seed = seed

    def build_network_(self):
        return nn.Sequential(
            nn.Linear(self.n_features_in_, self.hidden),
            nn.LeakyReLU(),
            nn.Dropout(0.2),
            nn.Linear(self.hidden, len(self.classes_)),
        )

    def fit(self, X, y):
        torch.manual_seed(self.seed)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.n_features_in_ = X.shape[1]
        self.network_ = self.build_network_()
        X, codes = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(codes)
        optimizer = torch.optim.AdamW(self.network_.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        criterion = nn.CrossEntropyLoss()
        self.history_ = []
        for _ in range(self.epochs):
            self.network_.train()
            epoch_loss = 0.0
            for index in torch.randperm(len(X)).split(self.batch_size):
                optimizer.zero_grad()
                loss = criterion(self.network_(X[index]), codes[index])
                loss.backward()
                optimizer.step()
                epoch_loss += loss.item() * len(index)
            self.history_.append(epoch_loss / len(X))
        return self

    def predict_proba(self, X):
        self.network_.eval()
        with torch.no_grad():
            logits = self.network_(torch.as_tensor(X, dtype=torch.float32))
        return logits.softmax(dim=1).numpy()

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def main():
    data = load_breast_cancer()
    X, y = data.data, data.target_names[data.target]
    pipeline = make_pipeline(StandardScaler(), TorchClassifier())
    folds = StratifiedKFold(n_splits=3, shuffle=True, random_state=0)
    predicted = cross_val_predict(pipeline, X, y, cv=folds)
    for name in data.target_names:
        found = (predicted[y == name] == name).mean()
        print(f"{name:10s} found {found:.3f}")
    print(f"accuracy {(predicted == y).mean():.4f}")


if __name__ == "__main__":
    main()
