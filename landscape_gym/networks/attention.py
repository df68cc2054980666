"""A small transformer over characters, of operations that torch.func.vmap batches."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class CharacterTransformer(nn.Module):
    """Scores (n, characters) of the character that follows each of n sequences (n, length).

    Args:
        characters: How many there are.
        length: Of a sequence.
        width: Numbers that stand for a character.
        heads: Heads of attention.
        layers: Layers of attention.
    """

    def __init__(self, characters: int, length: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(characters, width)
        self.places = nn.Parameter(0.1 * torch.randn(length, width))
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, characters)

    def forward(self, x: Tensor) -> Tensor:
        """Scores for characters x, whole numbers of any type."""
        x = self.characters(x.long()) + self.places
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x[..., -1, :]))


class Layer(nn.Module):
    """Causal self-attention and two fully connected layers, each added to what comes in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.behind = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixed, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Sequences (n, length, width)."""
        x = x + self._attended(self.before(x))
        return x + self.wide(self.behind(x))

    def _attended(self, x: Tensor) -> Tensor:
        # Not scaled_dot_product_attention: its fast kernels have no batching rule for vmap.
        n, length, width = x.shape
        parts = self.mixed(x).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        later = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        weights = scores.masked_fill(later, -math.inf).softmax(-1)
        return self.joined((weights @ value).transpose(1, 2).reshape(n, length, width))
