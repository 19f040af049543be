"""Difference of a metric between arms, from its moments."""

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.method import Method
from estimand.core.metric_estimate import Comparison, metric_estimate
from estimand.core.uncertainty import Normal
from estimand.errors import UnsupportedError
from estimand.methods.adjustment.difference_ratio import Ratio
from estimand.methods.adjustment.ratios import Contrast


def metric_difference(case: Case, method: Method, contrast: Contrast) -> Estimate:
    """Set the level of a metric in each arm against control's: a mean, or a ratio by the delta method.

    Welch-Satterthwaite degrees of freedom; with clusters, over clusters.
    """
    if case.observing() is not None:
        raise UnsupportedError(
            "Metrics are read from moments, which cannot be weighted for units without a value.",
            remedy="Use missing_outcome: complete_case, or name an outcome in place of metrics.",
        )
    moments = case.metric_moments()
    compared = Comparison.of(moments, [range(len(moments.parts))], history=False)
    levels = compared.levels(moments)
    correction = "Welch, delta method" if moments.is_ratio else "Welch"
    made = metric_estimate(case, method, compared, levels, correction)
    if contrast == "difference" or not isinstance(made.uncertainty, Normal) or made.baseline is None:
        return made
    outcome = np.array([0.0, 1.0]) if case.binary else levels.shift + levels.value
    ratio = Ratio.of(contrast, levels.shift + levels.value, outcome)
    df = levels.scaled(ratio.slopes).effect_df()
    return ratio.turn(made, made.uncertainty, made.baseline, df)
