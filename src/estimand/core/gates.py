"""The lines that diagnostics are held to; a study file may move them."""

from typing import ClassVar

from pydantic import Field

from estimand.core.declared import Declared
from estimand.stats.enough_clusters import MANY_CLUSTERS


class GatePolicy(Declared):
    """Thresholds of the checks, with the field's usual values.

    Parameters
    ----------
    smd_note, smd_warn : float
        Standardised mean difference after adjustment, in standard deviations.
    variance_ratio : float
        Ratio of variances after adjustment, or its inverse, above which to warn.
    overlap_edge : float
        Propensities below this, or above one minus it, count as tail.
    overlap_share : float
        Share of the relevant rows in a tail above which to warn.
    effective_share : float
        Effective sample size as a share of the smaller arm (of the treated for ATT) below which to warn.
    weight_share : float
        One unit's share of its arm's weight above which to warn.
    matched_share : float
        Share of the target's rows of an arm that found a match below which to warn.
    clusters : int
        Number of clusters below which to warn.
    missing_share : float
        Share of a column's values missing above which the audit notes it.
    missing_gap, attrition_gap : float
        Difference between arms in the share missing, of a covariate and of the outcome, above which to warn.
    arm_share : float
        Share of the rows in the smallest arm below which to note it.
    leak : float
        Area under the curve, or absolute correlation, above which one covariate almost determines treatment
        or restates the outcome.
    cell : int
        Rows of a category in an arm below which a cell is small.
    influence : float
        Standard errors by which leaving out one row may move the raw difference.
    allocation : float
        P-value below which units did not fall to the arms of an experiment as planned.
    before : float
        P-value, over all metrics, below which the arms of an experiment differed before it.
    interaction : float
        P-value, over all metrics, below which another experiment changes the effect.
    first_stage : float
        F of the assignment on the treatment received below which an instrument is weak.
    """

    noun: ClassVar[str] = "The gate policy"
    smd_note: float = Field(default=0.1, gt=0)
    smd_warn: float = Field(default=0.25, gt=0)
    variance_ratio: float = Field(default=2.0, gt=1)
    overlap_edge: float = Field(default=0.05, gt=0, lt=0.5)
    overlap_share: float = Field(default=0.05, ge=0, le=1)
    effective_share: float = Field(default=0.5, gt=0, le=1)
    weight_share: float = Field(default=0.05, gt=0, le=1)
    matched_share: float = Field(default=0.8, gt=0, le=1)
    clusters: int = Field(default=MANY_CLUSTERS, ge=2)
    missing_share: float = Field(default=0.05, ge=0, le=1)
    missing_gap: float = Field(default=0.05, ge=0, le=1)
    attrition_gap: float = Field(default=0.01, ge=0, le=1)
    arm_share: float = Field(default=0.05, ge=0, le=0.5)
    leak: float = Field(default=0.98, gt=0.5, le=1)
    cell: int = Field(default=5, ge=1)
    influence: float = Field(default=0.5, gt=0)
    allocation: float = Field(default=0.001, gt=0, lt=1)
    before: float = Field(default=0.01, gt=0, lt=1)
    interaction: float = Field(default=0.01, gt=0, lt=1)
    first_stage: float = Field(default=23.1, gt=0)
