"""A graph convolutional net: who belongs to which community, from few labels. The whole graph is one batch."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def community_graph(n=240, k=3, features=16):
    y = torch.arange(n) % k
    same = y[:, None] == y[None]
    chance = torch.where(same, 0.035, 0.006)
    upper = torch.triu(torch.rand(n, n) < chance, diagonal=1)
    A = (upper | upper.T).float()
    centres = torch.randn(k, features)
    X = 0.35 * centres[y] + torch.randn(n, features)
    return X, A, y


def normalised(A):
    """D^-1/2 (A + I) D^-1/2."""
    A = A + torch.eye(len(A))
    root = A.sum(1).pow(-0.5)
    return root[:, None] * A * root[None]


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adj):
        return adj @ (x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return self.gc2(x, adj)


def accuracy(output, labels):
    return (output.argmax(1) == labels).double().mean().item()


torch.manual_seed(11)
features, A, labels = community_graph()
adj = normalised(A)
shuffled = torch.randperm(len(labels))
idx_train, idx_val, idx_test = shuffled[:60], shuffled[60:120], shuffled[120:]

model = GCN(features.shape[1], 16, 3, dropout=0.5)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-3)
for epoch in range(100):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.cross_entropy(output[idx_train], labels[idx_train])
    loss_train.backward()
    optimizer.step()
    if epoch % 25 == 24:
        model.eval()
        with torch.no_grad():
            output = model(features, adj)
        acc_val = accuracy(output[idx_val], labels[idx_val])
        print(f"Epoch: {epoch + 1:04d} loss_train: {loss_train.item():.4f} acc_val: {acc_val:.4f}")

model.eval()
with torch.no_grad():
    output = model(features, adj)
print("Test set results: accuracy =", round(accuracy(output[idx_test], labels[idx_test]), 4))
