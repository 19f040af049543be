r"""Confidence sets by inverting a test whose every draw is a ratio known in closed form.

With a constant effect :math:`\tau` imposed, the statistic of a draw is
:math:`t^*(\tau)^2 = (n_0 + n_1\tau)^2 / (v_0 + v_1\tau + v_2\tau^2)`, and the one observed is
:math:`t(\tau)^2 = (\hat\theta - \tau)^2/\hat v`. A draw counts against rejection where
:math:`t^*(\tau)^2 \ge t(\tau)^2`: on pieces between the real roots of a quartic. The p-value is therefore a step
function of :math:`\tau` whose steps are known, and the set is found without a search; it may be unbounded or in
pieces.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats

TIE = 1e-9
FARTHEST = 1e6
NEARLY_REAL = 1e-4
SLIVER = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Pencil:
    """The observed statistic and that of every draw, as functions of the effect imposed.

    Attributes
    ----------
    value, variance : float
        Observed estimate and its squared standard error.
    numerator : ndarray of shape (b, 2)
        Coefficients of 1 and the effect.
    spread : ndarray of shape (b, 3)
        Coefficients of 1, the effect and its square in the squared standard error.
    complete : bool
        Whether the draws are all there are, the observed one among them; else that one is counted in.
    """

    value: float
    variance: float
    numerator: Floats
    spread: Floats
    complete: bool

    def p_value(self, effect: float) -> float:
        """Share of statistics, the observed one included, as large as the one observed."""
        u = (effect - self.value) / np.sqrt(self.variance)
        count = float(_counts(*self._standard(), np.full((self.numerator.shape[0], 1), u)).sum())
        return float(self._share(np.array([count]))[0])

    def regions(self, level: float) -> tuple[tuple[float, float], ...]:
        """Effects that the test at 1 - level does not reject, as closed pieces in order.

        Ends beyond a million standard errors are infinite.
        """
        top, bottom = self._standard()
        places, changes, first = _steps(top, bottom)
        counts = first + np.concatenate([[0.0], np.cumsum(changes)])
        kept = self._share(counts) > 1.0 - level + TIE
        edges = np.concatenate([[-np.inf], places, [np.inf]])
        pieces: list[list[float]] = []
        for low, high, keep in zip(edges[:-1], edges[1:], kept, strict=True):
            if not keep or (high - low <= SLIVER and not pieces):
                continue
            if pieces and low - pieces[-1][1] <= SLIVER:
                pieces[-1][1] = float(high)
            else:
                pieces.append([float(low), float(high)])
        error = float(np.sqrt(self.variance))
        return tuple((self.value + error * low, self.value + error * high) for low, high in pieces)

    def _share(self, counts: Floats) -> Floats:
        own = 0.0 if self.complete else 1.0
        return np.asarray((counts + own) / (self.numerator.shape[0] + own))

    def _standard(self) -> tuple[Floats, Floats]:
        """Coefficients in standard errors from the estimate, where the observed statistic is that distance."""
        error = np.sqrt(self.variance)
        n0, n1 = self.numerator.T
        v0, v1, v2 = self.spread.T
        top = np.stack([n0 + n1 * self.value, n1 * error], axis=1) / error
        middle = (v1 + 2.0 * v2 * self.value) * error
        bottom = np.stack([v0 + v1 * self.value + v2 * self.value**2, middle, v2 * self.variance], axis=1)
        return top, bottom / self.variance


def _counts(top: Floats, bottom: Floats, u: Floats) -> Bools:
    """Where each draw's statistic is at least the observed one, ties included, at ``u`` of shape (b, m)."""
    square = np.square(top[:, :1] + top[:, 1:] * u)
    spread = bottom[:, :1] + bottom[:, 1:2] * u + bottom[:, 2:] * np.square(u)
    return np.asarray(square >= np.square(u) * np.maximum(spread, 0.0) * (1.0 - TIE) - TIE**2)


def _steps(top: Floats, bottom: Floats) -> tuple[Floats, Floats, float]:
    """Where the number of draws that count changes, by how much, and the number at the far left."""
    roots = np.sort(_roots(top, bottom), axis=1)
    ends = np.full((roots.shape[0], 1), FARTHEST)
    edges = np.hstack([-ends, roots, ends])
    states = _counts(top, bottom, 0.5 * (edges[:, :-1] + edges[:, 1:])).astype(float)
    # A piece of no width has no state of its own.
    for j in range(1, states.shape[1]):
        empty = edges[:, j + 1] - edges[:, j] <= SLIVER * 1e-3
        states[empty, j] = states[empty, j - 1]
    changes, places = np.diff(states, axis=1), roots
    live = (changes != 0.0) & (np.abs(places) < FARTHEST)
    order = np.argsort(places[live], kind="stable")
    return places[live][order], changes[live][order], float(states[:, 0].sum())


def _roots(top: Floats, bottom: Floats) -> Floats:
    """Real roots of ``(a + bu)² - u² (v + wu + xu²)``, shape (b, 4), those that are not put at the far right.

    The companion matrix is that of 1/u, for which the leading coefficient ``a²`` is the one that rarely vanishes.
    """
    a, b = top.T
    v, w, x = bottom.T
    coefficients = np.stack([a * a, 2.0 * a * b, b * b - v, -w, -x], axis=1)
    scale = np.abs(coefficients).max(axis=1, keepdims=True)
    size = np.square(a) + np.square(b) + np.abs(bottom).sum(axis=1)
    same = scale[:, 0] <= TIE * size
    scaled = coefficients / np.where(scale > 0.0, scale, 1.0)
    lead = np.maximum(scaled[:, 0], 1e-14)
    companion = np.zeros((a.shape[0], 4, 4))
    companion[:, 0, :] = -scaled[:, 1:] / lead[:, None]
    companion[:, [1, 2, 3], [0, 1, 2]] = 1.0
    inverse = np.linalg.eigvals(companion)
    real = np.abs(inverse.imag) <= NEARLY_REAL * np.abs(inverse)
    usable = real & (np.abs(inverse.real) > 1.0 / FARTHEST) & ~same[:, None]
    return np.where(usable, 1.0 / np.where(usable, inverse.real, 1.0), FARTHEST)
