"""Policy gradient in a corridor: start in the middle, walk to the right end within the time."""

import torch
from torch import nn
from torch.distributions import Categorical

SIZE, HORIZON, EPISODES = 7, 12, 32


class Corridor:
    """Many corridors side by side; position: long [episodes]."""

    def __init__(self, n):
        self.position = torch.full((n,), SIZE // 2)

    def observe(self):
        return nn.functional.one_hot(self.position, SIZE).float()

    def step(self, action):
        self.position = (self.position + 2 * action - 1).clamp(0, SIZE - 1)
        return torch.where(self.position == SIZE - 1, 1.0, -0.1)


def returns_to_go(rewards, gamma=0.95):
    total = torch.zeros(rewards.shape[1])
    result = torch.empty_like(rewards)
    for t in reversed(range(len(rewards))):
        total = rewards[t] + gamma * total
        result[t] = total
    return result


def rollout(policy, n):
    world, log_probs, rewards = Corridor(n), [], []
    for _ in range(HORIZON):
        distribution = Categorical(logits=policy(world.observe()))
        action = distribution.sample()
        log_probs.append(distribution.log_prob(action))
        rewards.append(world.step(action))
    return torch.stack(log_probs), torch.stack(rewards)


if __name__ == "__main__":
    torch.manual_seed(0)
    policy = nn.Sequential(nn.Linear(SIZE, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    for update in range(50):
        log_probs, rewards = rollout(policy, EPISODES)
        returns = returns_to_go(rewards)
        advantage = returns - returns.mean(dim=1, keepdim=True)
        loss = -(log_probs * advantage).sum(dim=0).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update % 10 == 9:
            print("update", update + 1, "return", round(rewards.sum(0).mean().item(), 3))
    with torch.no_grad():
        _, rewards = rollout(policy, 200)
    print("final return", round(rewards.sum(0).mean().item(), 3))
