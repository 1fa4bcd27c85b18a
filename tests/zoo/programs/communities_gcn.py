"""Who belongs to which community? A graph convolution by hand; the labels of a few nodes are known."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(17)
NODES, GROUPS, FEATURES = 300, 4, 16

label = torch.arange(NODES) % GROUPS
centres = torch.randn(GROUPS, FEATURES)
features = 0.45 * centres[label] + torch.randn(NODES, FEATURES)
chance = torch.where(label[:, None] == label[None, :], 0.06, 0.01)
edges = (torch.rand(NODES, NODES) < chance).triu(diagonal=1)
adjacency = (edges | edges.T).float() + torch.eye(NODES)
degree = adjacency.sum(1)
propagate = adjacency / (degree[:, None] * degree[None, :]).sqrt()

order = torch.randperm(NODES)
known, held_out = order[:120], order[120:]


class GraphConv(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, graph):
        return graph @ (x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.first = GraphConv(FEATURES, hidden)
        self.second = GraphConv(hidden, GROUPS)

    def forward(self, x, graph):
        h = F.relu(self.first(x, graph))
        h = F.dropout(h, 0.4, self.training)
        return self.second(h, graph)


model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
for epoch in range(80):
    model.train()
    optimizer.zero_grad()
    logits = model(features, propagate)
    loss = F.cross_entropy(logits[known], label[known])
    loss.backward()
    optimizer.step()

model.eval()
with torch.no_grad():
    found = model(features, propagate).argmax(1)
print("accuracy on the others: %.3f" % (found[held_out] == label[held_out]).float().mean())
