"""Hugging Face's Trainer: named optimizers that are told the loss where it is computed."""

from __future__ import annotations

import tempfile

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

from landscape_gym.optim import FilterBank, SelfScaledAdam, SelfScaledSOAP

EPOCHS = 10


class Answers(Dataset):
    """What a random network answers."""

    def __init__(self) -> None:
        g = torch.Generator().manual_seed(1)
        self.x = torch.randn(512, 8, generator=g)
        hidden = torch.tanh(self.x @ torch.randn(8, 4, generator=g))
        self.y = hidden @ torch.randn(4, 2, generator=g)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        return {"x": self.x[i], "labels": self.y[i]}


class Regression(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 2))

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": F.mse_loss(self.network(x), labels)}


class Telling(Trainer):
    """A Trainer that tells its optimizer the loss."""

    def compute_loss(self, model, inputs, *args, **kwargs):
        loss = super().compute_loss(model, inputs, *args, **kwargs)
        self.losses.append(loss.item())
        self.optimizer.optimizer.observe(loss)  # within accelerate's
        return loss


def fitted(kind: type) -> list[float]:
    model = Regression()
    optimizer = kind(model.parameters())
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, num_train_epochs=EPOCHS, per_device_train_batch_size=64, use_cpu=True,
            report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True,
            max_grad_norm=0.0, seed=0,
        )  # fmt: skip
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
        trainer = Telling(
            model, arguments, train_dataset=Answers(), optimizers=(optimizer, schedule)
        )
        trainer.losses = []
        trainer.train()
    return trainer.losses


def main() -> None:
    said = []
    for kind in (SelfScaledSOAP, SelfScaledAdam, FilterBank):
        losses = fitted(kind)
        assert len(losses) == EPOCHS * 512 / 64
        assert losses[-1] < 0.5 * losses[0], (kind, losses[0], losses[-1])
        said.append(f"{kind.__name__} {losses[0]:.2f} to {losses[-1]:.3f}")
    print(f"loss of {', '.join(said)}")


if __name__ == "__main__":
    main()
