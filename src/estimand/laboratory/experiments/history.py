r"""By how much history narrows the answer: the variance of ``cuped`` over that of ``difference``, against 1 - ρ².

Users are normal, so that the moments of an arm can be drawn as such: means that are normal, and cross-products that
are Wishart (Bartlett's decomposition); both methods then read the same moments. With estimates d and c of R
experiments the ratio is Var(c)/Var(d), and the Monte-Carlo error of its logarithm is :math:`2 \sqrt{(1 - r^2)/R}`, r
their correlation.
"""

from functools import partial

import numpy as np

from estimand.core.case import Case
from estimand.core.design import as_design
from estimand.core.experiment_rates import Rate
from estimand.core.metric_moments import Counts, MetricMoments
from estimand.core.moments import Moments
from estimand.core.run import Run
from estimand.laboratory.experiments.rules import WITHIN, near_ratio, ruled_if_told
from estimand.laboratory.experiments.tally import Part, Tally, added
from estimand.models.bank import Cache
from estimand.stats.arrays import Floats
from estimand.study.case import case_of
from estimand.study.examine import run_method
from estimand.study.plan import plan_methods

UNITS, CORRELATIONS = 1_000, (0.3, 0.5, 0.7, 0.9)
BATCH, BATCHES, AGAIN = 500, 80, 160
ESTIMATES, STATED = "ratio of variances", "ratio of stated variances"
DESIGN = as_design(
    {
        "kind": "experiment",
        "treatment": "arm",
        "control": "A",
        "metrics": [{"name": "value", "column": "value", "covariate": "before"}],
    }
)
ARMS = ("A", "B")


def parts() -> tuple[Part, ...]:
    """One part for each correlation."""
    return tuple(
        Part(f"history, {rho}", BATCHES, AGAIN, partial(measured, rho), partial(rates, rho), mark)
        for rho in CORRELATIONS
    )


def mark(seed: int) -> str:
    """What decides the numbers."""
    return f"{UNITS} {BATCH}"


def measured(rho: float, seed: int, batch: int, cells: frozenset[str]) -> Tally:
    """Sum up a batch: experiments; both estimates, their squares and product; the stated ratio and its square."""
    rng = Run(seed).rng("history", f"{rho:g}", batch)
    plain, adjusted = plan_methods(["difference", "cuped"], {}, None, DESIGN)
    out: Tally = {}
    for _ in range(BATCH):
        case = drawn_case(rho, rng)
        one, other = (run_method(item, case, item.id) for item in (plain, adjusted))
        d, c = float(one.value[0]), float(other.value[0])
        stated = float(other.std_error[0] / one.std_error[0]) ** 2
        out = added(out, {ESTIMATES: (1.0, d, c, d * d, c * c, d * c), STATED: (1.0, stated, stated**2)})
    return out


def drawn_case(rho: float, rng: np.random.Generator) -> Case:
    """Draw the moments of an experiment whose metric and history are normal, of variance one."""
    root = np.linalg.cholesky(np.array([[1.0, rho], [rho, 1.0]]))
    means = rng.standard_normal((2, 2)) / np.sqrt(UNITS) @ root.T
    cross = np.stack([_wishart(root, UNITS - 1, rng) for _ in ARMS])
    units, none = np.full(2, float(UNITS)), np.zeros(2)
    part = Moments(("value", "covariate"), ARMS, np.zeros(2), units, means, cross)
    moments = MetricMoments("value", ("",), (part,), (0,), Counts(units, none, none, none))
    return case_of(DESIGN, moments, "value", Run(0), Cache())


def _wishart(root: Floats, df: int, rng: np.random.Generator) -> Floats:
    """Cross-products of df normal pairs: those of a lower triangle of χ's and one normal, under the root."""
    lower = np.diag(np.sqrt(rng.chisquare([df, df - 1])))
    lower[1, 0] = rng.standard_normal()
    scaled = root @ lower
    return np.asarray(scaled @ scaled.T)


def rates(rho: float, tally: Tally) -> tuple[Rate, ...]:
    """The ratio of the estimates' variances, and that of the variances they state."""
    out = []
    if ESTIMATES in tally:
        n, d, c, dd, cc, dc = tally[ESTIMATES]
        var_d, var_c, both = dd / n - (d / n) ** 2, cc / n - (c / n) ** 2, dc / n - d * c / n**2
        ratio = var_c / var_d
        out.append(_rate(rho, ESTIMATES, int(n), (ratio, 2.0 * ratio * np.sqrt((1.0 - both**2 / (var_d * var_c)) / n))))
    if STATED in tally:
        n, stated, squares = tally[STATED]
        mean = stated / n
        out.append(_rate(rho, STATED, int(n), (mean, np.sqrt(max(squares / n - mean**2, 0.0) / n))))
    return tuple(out)


def _rate(rho: float, setting: str, tables: int, found: tuple[float, float]) -> Rate:
    measured_, expected = float(found[0]), 1.0 - rho**2
    return Rate(
        part="history",
        situation=f"correlation {rho:g}",
        metric="mean: normal",
        setting=setting,
        method="cuped",
        tables=tables,
        expected=expected,
        measured=measured_,
        error=float(found[1]),
        rule="within 2 %",
        ruling=ruled_if_told(near_ratio(measured_, expected), float(found[1]), WITHIN * expected),
    )
