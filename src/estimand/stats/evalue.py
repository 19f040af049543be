"""E-values: how strong an unmeasured confounder would have to be to explain an association away.

VanderWeele & Ding (2017), doi:10.7326/M16-2607. Other measures than the risk ratio are first turned into
one: VanderWeele (2017), doi:10.1097/EDE.0000000000000569, and (2020), doi:10.1111/biom.13197, for odds and
hazard ratios of common outcomes; Chinn (2000) and Hasselblad & Hedges (1995) for standardised differences.
"""

import math

LOG_RATIO_PER_SD = 0.91


def e_value(risk_ratio: float) -> float:
    """Least risk ratio that a confounder must have with both treatment and outcome: ``RR + √(RR (RR - 1))``.

    Parameters
    ----------
    risk_ratio : float
        Positive; one below 1 is inverted first. Zero and infinity give infinity.

    Examples
    --------
    >>> round(e_value(2.5), 2), round(e_value(0.8), 2), e_value(1.0)
    (4.44, 1.81, 1.0)
    """
    if risk_ratio <= 0.0 or math.isinf(risk_ratio):
        return math.inf
    ratio = max(risk_ratio, 1.0 / risk_ratio)
    return ratio + math.sqrt(ratio * (ratio - 1.0))


def limit_nearest_null(low: float, high: float) -> float:
    """Limit of a risk ratio's interval nearest to no effect; 1 where the interval holds 1.

    Examples
    --------
    >>> limit_nearest_null(0.71, 0.91), limit_nearest_null(0.9, 1.2)
    (0.91, 1.0)
    """
    if low <= 1.0 <= high:
        return 1.0
    return low if low > 1.0 else high


def odds_to_risk_ratio(odds_ratio: float, rare: bool) -> float:
    """Risk ratio that an odds ratio stands for: itself where the outcome is rare, its square root where common."""
    return odds_ratio if rare else math.sqrt(odds_ratio)


def hazard_to_risk_ratio(hazard_ratio: float, rare: bool) -> float:
    """Risk ratio that a hazard ratio stands for: itself where rare, else ``(1 - ½^√HR) / (1 - ½^√(1/HR))``."""
    if rare:
        return hazard_ratio
    root = math.sqrt(hazard_ratio)
    return (1.0 - math.exp2(-root)) / (1.0 - math.exp2(-1.0 / root))


def standardised_to_risk_ratio(difference: float) -> float:
    """Risk ratio that a difference in standard deviations of the outcome stands for: ``exp(0.91 d)``."""
    return math.exp(LOG_RATIO_PER_SD * difference)
