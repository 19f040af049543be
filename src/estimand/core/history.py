"""Rows of a metric with what it was before the experiment, and the design's strata, among their covariates."""

from dataclasses import replace

import numpy as np

from estimand.core.case import Case
from estimand.core.metric_rows import metric_column
from estimand.core.sample import Encoded, Feature, Sample, derived
from estimand.stats.arrays import Bools, Floats

STRATA, NO_HISTORY = "strata", "no history"


def with_history(case: Case) -> Case:
    """Add to a metric's covariates what it was before the experiment, and a column of each stratum.

    Users without history are strata of their own, at the average history of the others. A case without a metric is
    returned as it is.
    """
    if case.metric is None:
        return case
    sample = case.sample()
    named = {feature.source for feature in sample.features.features}
    history = [name for name in (case.metric.covariate, case.metric.covariate_denominator) if name is not None]
    columns = {name: metric_column(sample, name) for name in history if name not in named}
    bare = np.zeros(sample.n, dtype=np.bool_)
    for values in columns.values():
        bare |= np.isnan(values)
    blocks, features = [sample.features.values], list(sample.features.features)
    for name, values in columns.items():
        level = float(values[~bare].mean()) if not bare.all() else 0.0
        blocks.append(np.where(bare, level, values)[:, None])
        features.append(Feature(name, name))
    dummies, labels = _cells(sample, bare)
    if len(labels) > 1:
        blocks.append(dummies)
        features.extend(Feature(label, STRATA, label) for label in labels)
    encoded = Encoded(np.hstack(blocks), tuple(features))
    name = derived(sample.fingerprint, f"history of {case.outcome}", encoded.values)
    return replace(case, source=replace(sample, features=encoded, fingerprint=name))


def _cells(sample: Sample, bare: Bools) -> tuple[Floats, tuple[str, ...]]:
    """Ones and zeros (n, c) of the strata, with and without history apart, and their labels."""
    stratum = np.zeros(sample.n, dtype=np.int64) if sample.stratum is None else sample.stratum
    there, codes = np.unique(2 * stratum + bare, return_inverse=True)
    names = [
        ", ".join(part for part in (sample.strata[cell // 2], NO_HISTORY if cell % 2 else "") if part)
        for cell in there.tolist()
    ]
    dummies = (codes[:, None] == np.arange(there.shape[0])).astype(float)
    return dummies, tuple(name or "history" for name in names)
