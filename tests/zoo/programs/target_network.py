"""Q-learning in a chain: the target network gets no gradient, is in no optimiser, and is copied from time to time."""

import copy
import random

import torch
from torch import nn

STATES, GAMMA = 6, 0.9


def step(state, action):
    """Action 1 goes right, action 0 back to the start; the end pays one, and begins anew."""
    if action == 0:
        return 0, 0.05
    if state == STATES - 1:
        return 0, 1.0
    return state + 1, 0.0


def one_hot(states):
    return nn.functional.one_hot(torch.tensor(states), STATES).float()


random.seed(0)
torch.manual_seed(0)
q = nn.Sequential(nn.Linear(STATES, 24), nn.ReLU(), nn.Linear(24, 2))
target = copy.deepcopy(q)
optimizer = torch.optim.Adam(q.parameters(), lr=1e-2)
memory, state = [], 0
for t in range(500):
    if random.random() < 0.5:
        action = random.randrange(2)
    else:
        with torch.no_grad():
            action = int(q(one_hot([state]))[0].argmax())
    following, reward = step(state, action)
    memory.append((state, action, reward, following))
    state = following
    if len(memory) < 40:
        continue
    s, a, r, n = zip(*random.sample(memory, 32), strict=True)
    with torch.no_grad():
        goal = torch.tensor(r) + GAMMA * target(one_hot(n)).max(dim=1).values
    value = q(one_hot(s)).gather(1, torch.tensor(a)[:, None])[:, 0]
    loss = nn.functional.smooth_l1_loss(value, goal)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if t % 20 == 0:
        target.load_state_dict(q.state_dict())

with torch.no_grad():
    greedy = q(one_hot(list(range(STATES)))).argmax(dim=1)
print("actions by state", greedy.tolist())
print("share of states that go right", greedy.float().mean().item())
