r"""Effects and their variances from what rows gathered.

Averages of leaf means over trees are a forest-weighted regression of Y on W beside an intercept:

    θ(x) = V⁻¹ (E[WY] - E[W] E[Y]),   V = E[WW'] - E[W] E[W]',

and a bag's influence on it is linear in that bag's own leaf means s,

    ρ = V⁻¹ { WY_s - WW_s θ - W_s μ - E[W] (Y_s - W_s'θ - μ) },   μ = E[Y] - E[W]'θ

(Athey, Tibshirani & Wager 2019, sections 2 and 4, doi:10.1214/18-AOS1709). Its variance between bags, less what two
trees of one bag differ by, is that of θ.
"""

import numpy as np

from estimand.errors import Code, DataError
from estimand.stats.arrays import Floats
from estimand.stats.little_bags import between_bags

ROWS_IN_A_BLOCK = 16_384
LEAST_VARIATION = 1e-12


def solved(gathered: Floats, treatments: int, *, products: bool = True) -> tuple[Floats, Floats]:
    """Effects and variances, each of shape (n, K); variances are empty without products.

    Parameters
    ----------
    gathered : ndarray of shape (n, 1 + q + q (q + 1)) or (n, 1 + q)
    treatments : int
        K; with none, the mean of the outcome is what is estimated, and K is 1 in the answer.
    products : bool

    Raises
    ------
    DataError
        If a row was missed by fewer than two bags, or finds no variation of treatment.
    """
    if gathered[:, 0].min() < 2.0:
        raise DataError(
            f"{int((gathered[:, 0] < 2.0).sum())} rows were missed by fewer than two bags.",
            remedy="Use more trees.",
            code=Code.INSUFFICIENT_DATA,
        )
    starts = range(0, gathered.shape[0], ROWS_IN_A_BLOCK)
    parts = [_block(gathered[start : start + ROWS_IN_A_BLOCK], treatments, products) for start in starts]
    return np.concatenate([value for value, _ in parts]), np.concatenate([variance for _, variance in parts])


def _block(gathered: Floats, treatments: int, products: bool) -> tuple[Floats, Floats]:
    q = 1 + 2 * treatments + treatments * (treatments + 1) // 2
    bags = gathered[:, :1]
    means = gathered[:, 1 : 1 + q] / bags
    value, slopes = (means, np.ones((means.shape[0], 1, 1))) if treatments == 0 else _regression(means, treatments)
    if not products:
        return value, np.empty((value.shape[0], 0))
    upper = np.triu_indices(q)
    twice = np.where(upper[0] == upper[1], 1.0, 2.0)
    half = q * (q + 1) // 2
    spread = gathered[:, 1 + q : 1 + q + half] / bags - means[:, upper[0]] * means[:, upper[1]]
    apart = gathered[:, 1 + q + half :] / bags
    variance = np.empty_like(value)
    for k in range(value.shape[1]):
        weight = slopes[:, k, upper[0]] * slopes[:, k, upper[1]] * twice
        between = np.maximum((weight * spread).sum(axis=1), 0.0)
        variance[:, k] = between_bags(between, (weight * apart).sum(axis=1) / 4.0, bags[:, 0])
    return value, variance


def _regression(means: Floats, k: int) -> tuple[Floats, Floats]:
    """Effects (n, K), and how each moves with a bag's leaf means (n, K, q)."""
    pairs = np.triu_indices(k)
    outcome, dose = means[:, 0], means[:, 1 : 1 + k]
    second = np.empty((means.shape[0], k, k))
    second[:, pairs[0], pairs[1]] = second[:, pairs[1], pairs[0]] = means[:, 1 + k : -k]
    varied = second - dose[:, :, None] * dose[:, None, :]
    scale = np.maximum(np.einsum("naa->n", second), LEAST_VARIATION)
    least = varied[:, 0, 0] if k == 1 else np.linalg.eigvalsh(varied)[:, 0]
    if (least <= LEAST_VARIATION * scale).any():
        raise DataError(
            "Some rows find no variation of the treatment among rows like them.",
            remedy="Use a larger min_leaf, or leave out the covariates that decide the treatment.",
            code=Code.INSUFFICIENT_OVERLAP,
        )
    inverse = 1.0 / varied if k == 1 else np.linalg.inv(varied)
    effect = (inverse @ (means[:, -k:] - dose * outcome[:, None])[:, :, None])[:, :, 0]
    level = outcome - (dose * effect).sum(axis=1)
    pull = (inverse @ dose[:, :, None])[:, :, 0]
    slopes = np.empty((means.shape[0], k, means.shape[1]))
    slopes[:, :, 0] = -pull
    slopes[:, :, 1 : 1 + k] = pull[:, :, None] * effect[:, None, :] - inverse * level[:, None, None]
    for place, (a, b) in enumerate(zip(*pairs, strict=True)):
        product = inverse[:, :, a] * effect[:, b, None]
        slopes[:, :, 1 + k + place] = -product if a == b else -product - inverse[:, :, b] * effect[:, a, None]
    slopes[:, :, -k:] = inverse
    return effect, slopes
