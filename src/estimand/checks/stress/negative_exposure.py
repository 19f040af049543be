"""Does a column that cannot change the outcome still predict it, given treatment and covariates?"""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.association import Association, added_association
from estimand.stats.multiplicity import holm
from estimand.stats.within import spread_within

ROLE = "negative_exposures"
NAME = "negative control exposures"


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """A negative control exposure and its association with the outcome.

    Attributes
    ----------
    name : str
    labels : tuple of str
        Of its columns; a category has one a level.
    found : Association
    """

    name: str
    labels: tuple[str, ...]
    found: Association


@check(
    "stress.negative_control_exposure",
    question="Does a column that cannot change the outcome still predict it, given treatment and covariates?",
    references=(
        "Lipsitch, Tchetgen Tchetgen & Cohen 2010, doi:10.1097/EDE.0b013e3181d61eeb",
        "Shi, Miao & Tchetgen Tchetgen 2020, doi:10.1007/s40471-020-00243-4",
        "Holm 1979, doi:10.2307/4615733",
    ),
)
class NegativeControlExposure(Check):
    """Regress the outcome on treatment, covariates and a column that cannot have changed it.

    The design names such columns under ``roles.negative_exposures``. Where treatment and covariates leave no
    hidden cause, the outcome does not depend on such a column given both; a dependence says that a hidden cause
    which moves the column, as it does treatment, moves the outcome too. Least squares with the arms and covariates
    as they are; the column in standard deviations, a category by its levels, tested by a robust Wald F (HC1, or
    Hotelling's T² with CR1 by cluster). The truth is known, so there is a line to pass: a warning where the test
    rejects after Holm over the columns. A covariate whose effect bends can raise a false alarm, for the column may
    stand for the bend.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names such columns and treatment was not randomised."""
        return not case.randomised and isinstance(case.source, Sample) and ROLE in case.source.roles

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer once for the outcome."""
        exposures, failed = _exposures(case)
        if not exposures:
            message = f"{', '.join(failed)}: nothing is left of it given treatment and covariates."
            remedy = "Name a column that varies where treatment and covariates do not."
            return (Finding(self.spec.key, case.outcome, Grade.NOT_RUN, NAME, message, remedy),)
        adjusted = holm(np.array([exposure.found.p for exposure in exposures]))
        order = sorted(range(len(exposures)), key=lambda j: (adjusted[j], exposures[j].found.p))
        ordered, adjusted = [exposures[j] for j in order], adjusted[order]
        beyond = bool(adjusted[0] < 1.0 - case.level)
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=Grade.WARN if beyond else Grade.PASS,
                subject=ordered[0].name,
                statistic=float(adjusted[0]),
                threshold=round(1.0 - case.level, 10),
                message=_words(case, ordered, float(adjusted[0]), failed),
                remedy=_remedy(ordered[0]) if beyond else None,
                evidence=_evidence(case, ordered, adjusted),
            ),
        )


def _exposures(case: Case) -> tuple[list[Exposure], list[str]]:
    """Associations of the columns that have one, and the names of the others."""
    encoded = case.sample().roles[ROLE]
    made, failed = [], []
    for name in dict.fromkeys(feature.source for feature in encoded.features):
        own = [j for j, feature in enumerate(encoded.features) if feature.source == name]
        found = _association(case, encoded.values[:, own])
        if found is None:
            failed.append(name)
        else:
            labels = tuple(encoded.features[own[j]].name for j in found.columns)
            made.append(Exposure(name, labels, found))
    return made, failed


def _association(case: Case, values: Floats) -> Association | None:
    """Association of one column, on the rows where it is known, per standard deviation; a level as it is."""
    sample, known = case.sample(), ~np.isnan(values).any(axis=1)
    rows = np.flatnonzero(known)
    own = values[rows]
    if rows.size == 0 or not (own.min(axis=0) < own.max(axis=0)).any():
        return None
    if own.shape[1] == 1:
        own = own / own.std()
    dummies = (sample.arm[rows, None] == np.arange(1, len(case.arms))).astype(float)
    held = np.hstack([dummies, sample.features.values[rows]])
    weights = None if sample.weights is None else sample.weights[rows] / sample.weights[rows].mean()
    cluster = None if sample.cluster is None else sample.cluster[rows]
    return added_association(held, own, case.values()[rows], weights, cluster, case.level)


def _words(case: Case, exposures: list[Exposure], p: float, failed: list[str]) -> str:
    top = exposures[0]
    j = int(np.abs(top.found.value / top.found.std_error).argmax())
    per = "" if len(top.found.value) > 1 or "=" in top.labels[j] else " per standard deviation"
    spread = spread_within(case.values(), case.sample().arm, case.sample().weights)
    low, high = top.found.interval[j]
    asked = f"'{top.name}' cannot have changed '{case.outcome}', so given treatment and covariates it should not tell"
    size = (
        f"{top.found.value[j]:+.4g}{per} of '{top.labels[j]}' ({case.level:.0%} interval {low:.4g} to {high:.4g}), "
        f"{top.found.value[j] / spread:+.2g} standard deviations of the outcome; p = {p:.2g}"
    )
    size += " after Holm" if len(exposures) > 1 else ""
    tail = f" Nothing is left of {', '.join(failed)} given treatment and covariates." if failed else ""
    if p < 1.0 - case.level:
        return f"{asked}; it does: {size}. A hidden cause of both, or a bend in a covariate's effect, is left.{tail}"
    return f"{asked}, and it does not: {size}.{tail}"


def _remedy(top: Exposure) -> str:
    return (
        f"Look for what moves '{top.name}' and the outcome alike, and add it to the covariates; add squares of "
        "covariates to rule out a bend."
    )


def _evidence(case: Case, exposures: list[Exposure], adjusted: Floats) -> Table:
    """A row per column, a category's level each; the smallest p-value first."""
    spread = spread_within(case.values(), case.sample().arm, case.sample().weights)
    rows = [
        (exposure.name, label, float(found.value[k]), float(found.std_error[k]), *found.interval[k], found.p, p)
        for exposure, p in zip(exposures, adjusted.tolist(), strict=True)
        for found in (exposure.found,)
        for k, label in enumerate(exposure.labels)
    ]
    names = ("control", "term", "estimate", "std_error", "low", "high", "p", "p_holm")
    columns = {name: [row[j] for row in rows] for j, name in enumerate(names)}
    scaled = {
        f"standardised{tail}": [value / spread for value in columns[name]]
        for tail, name in (("", "estimate"), ("_low", "low"), ("_high", "high"))
    }
    return Table(columns | scaled)
