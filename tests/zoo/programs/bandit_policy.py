# REINFORCE on a contextual bandit
import torch
from torch import nn

torch.manual_seed(23)
N_ACTIONS = 4
true_weights = torch.randn(5, N_ACTIONS)


def play(contexts, actions):
    payoff = contexts @ true_weights
    chosen = payoff.gather(1, actions.unsqueeze(1)).squeeze(1)
    return chosen + 0.1 * torch.randn_like(chosen)


policy = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, N_ACTIONS))
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
baseline = 0.0
for step in range(400):
    contexts = torch.randn(64, 5)
    distribution = torch.distributions.Categorical(logits=policy(contexts))
    actions = distribution.sample()
    rewards = play(contexts, actions)
    advantage = rewards - baseline
    baseline = 0.9 * baseline + 0.1 * rewards.mean().item()
    loss = -(distribution.log_prob(actions) * advantage).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1}, mean reward {rewards.mean().item():.3f}")

contexts = torch.randn(2000, 5)
with torch.no_grad():
    greedy = policy(contexts).argmax(1)
regret = (contexts @ true_weights).max(1).values - (contexts @ true_weights).gather(1, greedy.unsqueeze(1)).squeeze(1)
print(f"mean regret {regret.mean().item():.3f}")
