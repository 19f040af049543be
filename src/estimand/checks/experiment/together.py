"""P-values of a check that examines one metric at a time, adjusted over all metrics of a study."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from estimand.checks.experiment.before import BEFORE, before_told
from estimand.checks.experiment.interaction import INTERACTION, interaction_told
from estimand.core.finding import Finding
from estimand.stats.arrays import Floats
from estimand.stats.multiplicity import holm

TOLD: Mapping[str, Callable[[Finding, Floats, int], Finding]] = {BEFORE: before_told, INTERACTION: interaction_told}


def adjusted_together(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Tell the findings of such checks anew, with p-values that are Holm's over all metrics; leave others alone.

    References
    ----------
    Holm 1979, doi:10.2307/4615733.
    """
    out = list(findings)
    for key, told in TOLD.items():
        family = [(j, _p_values(one)) for j, one in enumerate(out) if one.check == key and one.evidence is not None]
        if len(family) < 2:
            continue
        whole = holm(np.concatenate([p_values for _, p_values in family]))
        edges = np.cumsum([p_values.shape[0] for _, p_values in family])
        for (j, _), adjusted in zip(family, np.split(whole, edges[:-1]), strict=True):
            out[j] = told(out[j], adjusted, whole.shape[0])
    return tuple(out)


def _p_values(finding: Finding) -> Floats:
    table = finding.evidence
    return np.empty(0) if table is None else np.array(table["p_value"], dtype=float)
