"""What the doctor's looks at pictures were made for."""

import torch
from torch.utils.data import DataLoader, Dataset

from arcane.diagnosis import watch
from arcane.diagnosis.watching.fetching import HEARD
from arcane.diagnosis.watching.graph import ancestors


class Pictures(Dataset):
    """Forty pictures that are turned as they are asked for."""

    def __init__(self) -> None:
        self.pictures = torch.rand(40, 1, 6, 6, generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        picture = self.pictures[index]
        return (picture.flip(-1) if torch.rand(()) < 0.5 else picture) * 2 - 1, picture.mean()


def trained() -> tuple[list[float], torch.Tensor]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 1))
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    for pictures, means in DataLoader(Pictures(), 20, shuffle=True):
        loss = torch.nn.functional.mse_loss(model(pictures)[:, 0], means)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses, torch.get_rng_state()


def test_a_batch_is_known_by_its_first_items_and_made_as_without_the_doctor():
    torch.set_num_threads(1)
    losses, state = trained()
    with watch(show=False) as report:
        seen, after = trained()
    assert (seen, bool(torch.equal(state, after))) == (losses, True)
    assert report.trace is not None
    for backward in report.trace.backwards:
        items = [node for node in ancestors(backward.root) if node.name == "sub" and node.shape == (1, 6, 6)]
        assert len(items) == HEARD
