"""Lightning: named optimizers in its automatic and manual loops come to a bare loop's losses."""

from __future__ import annotations

import logging
import warnings

import lightning
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from landscape_gym.optim import FilterBank, SelfScaledAdam, SelfScaledSOAP

EPOCHS = 10


class Regression(lightning.LightningModule):
    """What a random network answers, learned by one like it."""

    def __init__(self, kind: type, automatic: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 2))
        self.kind, self.automatic_optimization = kind, automatic
        self.losses: list[float] = []

    def configure_optimizers(self):
        return self.kind(self.parameters())

    def training_step(self, batch, _):
        loss = F.mse_loss(self.network(batch[0]), batch[1])
        self.losses.append(loss.item())
        if self.automatic_optimization:
            return loss
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step(loss=loss)
        return None


def examples() -> DataLoader:
    g = torch.Generator().manual_seed(1)
    x = torch.randn(512, 8, generator=g)
    y = torch.tanh(x @ torch.randn(8, 4, generator=g)) @ torch.randn(4, 2, generator=g)
    return DataLoader(TensorDataset(x, y), batch_size=64)


def bare(kind: type) -> list[float]:
    module = Regression(kind, automatic=True)
    optimizer = module.configure_optimizers()
    for _ in range(EPOCHS):
        for batch in examples():
            optimizer.zero_grad()
            loss = module.training_step(batch, 0)
            loss.backward()
            optimizer.step(loss=loss)
    return module.losses


def fitted(kind: type, automatic: bool) -> list[float]:
    module = Regression(kind, automatic)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", enable_model_summary=False, **quiet
    )
    trainer.fit(module, examples())
    return module.losses


def main() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    said = []
    for kind in (SelfScaledSOAP, SelfScaledAdam, FilterBank):
        expected = bare(kind)
        assert expected[-1] < 0.5 * expected[0], (kind, expected[0], expected[-1])
        for automatic in (True, False):
            assert fitted(kind, automatic) == expected, (kind, automatic)
        said.append(f"{kind.__name__} {expected[0]:.2f} to {expected[-1]:.3f}")
    print(f"loss of {', '.join(said)}")


if __name__ == "__main__":
    main()
