"""The orthogonal factor of a matrix: what is left of it when all singular values are made 1."""

from __future__ import annotations

from typing import Any

from landscape_gym.arrays import namespace

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of Jordan's quintic iteration, as torch.optim.Muon has them; it does not converge to 1."""
LEAST = 1e-7
"""Norm below which a matrix counts as 0, as torch.optim.Muon has it."""


def orthogonalized(matrix: Any) -> Any:
    """``U V'`` for a matrix ``U S V'`` (..., rows, columns), without directions where S is 0.

    Example:
        >>> orthogonalized(np.array([[0.0, 2.0], [0.5, 0.0]])).round(12) + 0.0
        array([[0., 1.],
               [1., 0.]])
    """
    xp = namespace(matrix)
    if 1 in matrix.shape[-2:]:
        length = (matrix * matrix).sum((-2, -1))[..., None, None] ** 0.5
        return matrix / (length + (length == 0))
    U, S, V = xp.linalg.svd(matrix, full_matrices=False)
    rounding = max(matrix.shape[-2:]) * float(xp.finfo(matrix.dtype).eps)
    kept = xp.astype(rounding * S[..., :1] < S, matrix.dtype)
    return (U * kept[..., None, :]) @ V


def newton_schulz(matrix: Any, steps: int) -> Any:
    """The same, about: singular values between 0.7 and 1.2 after 5 steps, unless they are tiny.

    Each step takes X to ``a X + b (X X') X + c (X X')^2 X``, so singular values s to
    ``a s + b s^3 + c s^5``, from a matrix of Frobenius norm 1 on.

    Reference: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.

    Example:
        >>> newton_schulz(np.array([[0.0, 2.0], [0.5, 0.0]]), 5).round(2) + 0.0
        array([[0.  , 0.74],
               [0.74, 0.  ]])
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[-2] > matrix.shape[-1]
    X = matrix.mT if tall else matrix
    length = (X * X).sum((-2, -1))[..., None, None] ** 0.5
    X = X / namespace(X).maximum(length, LEAST)
    for _ in range(steps):
        gram = X @ X.mT
        X = a * X + (b * gram + c * gram @ gram) @ X
    return X.mT if tall else X
