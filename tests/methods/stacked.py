"""Stacked estimating equations solved and differentiated by brute force: what every closed-form variance is held to."""

from collections.abc import Callable

import numpy as np

Equations = Callable[[np.ndarray], np.ndarray]


def jacobian(equations: Equations, theta: np.ndarray, step: float = 6e-4) -> np.ndarray:
    """Derivative of the mean equations, shape (m, m), by central differences of the fourth order."""
    columns = []
    for j in range(theta.shape[0]):
        move = np.zeros_like(theta)
        move[j] = step * max(1.0, abs(theta[j]))
        near = equations(theta + move).mean(axis=0) - equations(theta - move).mean(axis=0)
        far = equations(theta + 2 * move).mean(axis=0) - equations(theta - 2 * move).mean(axis=0)
        columns.append((8.0 * near - far) / (12.0 * move[j]))
    return np.stack(columns, axis=1)


def solved(equations: Equations, start: np.ndarray) -> np.ndarray:
    """Root of the mean equations by Newton's method with a numerical derivative."""
    theta = start.astype(float)
    for _ in range(60):
        step = np.linalg.solve(jacobian(equations, theta), equations(theta).mean(axis=0))
        theta = theta - step * min(1.0, 2.0 / np.abs(step).max())
        if np.abs(step).max() < 1e-12:
            break
    assert np.abs(equations(theta).mean(axis=0)).max() < 1e-9, "the equations were not solved"
    return theta


def sandwich(equations: Equations, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Root θ and its covariance A⁻¹BA⁻ᵀ/n, for equations from θ of shape (m,) to ψ of shape (n, m)."""
    theta = solved(equations, start)
    psi = equations(theta)
    half = np.linalg.solve(jacobian(equations, theta), psi.T) / psi.shape[0]
    return theta, half @ half.T


def contrasted(equations: Equations, start: np.ndarray, pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Differences between parameters, and their covariance."""
    theta, vcov = sandwich(equations, start)
    pick = np.zeros((len(pairs), theta.shape[0]))
    for row, (first, second) in enumerate(pairs):
        pick[row, first], pick[row, second] = 1.0, -1.0
    return pick @ theta, pick @ vcov @ pick.T
