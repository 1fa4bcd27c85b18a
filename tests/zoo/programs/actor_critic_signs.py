"""Actor and critic on a small game: five signs, each wants one of three actions; a game is eight signs long."""

import torch
from torch import nn
from torch.distributions import Categorical

SIGNS, ACTIONS, TURNS = 5, 3, 8
WANTED = torch.tensor([0, 2, 1, 1, 0])


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(SIGNS, 24)
        self.actor = nn.Linear(24, ACTIONS)
        self.critic = nn.Linear(24, 1)

    def forward(self, state):
        h = torch.tanh(self.shared(state))
        return Categorical(logits=self.actor(h)), self.critic(h).squeeze(-1)


def play(model):
    """One game: what was seen, done and won."""
    signs = torch.randint(0, SIGNS, (TURNS,))
    policy, values = model(torch.eye(SIGNS)[signs])
    actions = policy.sample()
    rewards = (actions == WANTED[signs]).float() + 0.1 * torch.randn(TURNS)
    return policy, values, actions, rewards


torch.manual_seed(3)
agent = ActorCritic()
optimizer = torch.optim.Adam(agent.parameters(), lr=1e-2)
average = 0.0
for game in range(400):
    policy, values, actions, rewards = play(agent)
    advantage = rewards - values.detach()
    actor_loss = -(policy.log_prob(actions) * advantage).mean()
    critic_loss = nn.functional.smooth_l1_loss(values, rewards)
    loss = actor_loss + 0.5 * critic_loss - 0.01 * policy.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    average = 0.95 * average + 0.05 * rewards.mean().item()
    if game % 100 == 99:
        print(f"game {game + 1}: running reward {average:.2f}")

agent.eval()
with torch.no_grad():
    policy, _ = agent(torch.eye(SIGNS))
print("chance of the wanted action:", round(policy.probs[torch.arange(SIGNS), WANTED].mean().item(), 3))
