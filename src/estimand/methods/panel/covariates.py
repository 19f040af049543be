"""How covariates enter a model of untreated outcomes over time."""

from dataclasses import dataclass

import numpy as np

from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.methods.panel.admitted import Admitted
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.effects import Effect


@dataclass(frozen=True, slots=True, eq=False)
class Entered:
    """Covariates as they enter: one slope where a covariate changes over time, one for each period where it does not.

    Attributes
    ----------
    names : tuple of str
        Data column that each effect comes from.
    effects : tuple of Effect
        Standardised; a slope for each period omits none.
    """

    names: tuple[str, ...]
    effects: tuple[Effect, ...]

    def columns(self) -> Floats:
        """The effects as dense columns, the first period's slopes omitted, shape (n, q)."""
        return np.hstack([_dense(effect) for effect in self.effects]) if self.effects else np.empty((0, 0))

    def sources(self) -> tuple[str, ...]:
        """Data column of each dense column."""
        return tuple(
            name for name, effect in zip(self.names, self.effects, strict=True) for _ in range(max(1, effect.size - 1))
        )


def _dense(effect: Effect) -> Floats:
    slope = np.ones(effect.codes.shape[0]) if effect.slope is None else effect.slope
    if effect.size == 1:
        return slope[:, None]
    return np.asarray((effect.codes[:, None] == np.arange(1, effect.size)) * slope[:, None])


def entered(found: Admitted) -> Entered:
    """Standardise the covariates and let each enter.

    A covariate that is constant within units says nothing of a unit's change except through how periods treat it, so
    it gets a slope for each period: trends are parallel among units alike in it.
    """
    encoded = found.features
    periods = found.timeline.periods
    group = None if found.timeline.unit is None else found.group
    names, effects = [], []
    for j, feature in enumerate(encoded.features):
        column = encoded.values[:, j]
        spread = float(column.std())
        standard = (column - column.mean()) / (spread if spread > 0.0 else 1.0)
        still = group is not None and constant_within(column, group)
        codes = found.timeline.period if still else np.zeros(found.n, dtype=np.int64)
        names.append(feature.source)
        effects.append(Effect(codes, periods if still else 1, standard))
    return Entered(tuple(names), tuple(effects))


def constant_within(values: Floats, codes: Ints) -> bool:
    """Whether values do not vary within codes."""
    first = np.zeros(int(codes.max()) + 1)
    first[codes] = values
    return bool(np.array_equal(first[codes], values))


def left_out_finding(key: str, sources: tuple[str, ...], kept: Bools) -> tuple[Finding, ...]:
    """Report covariates none of whose columns is in the fit."""
    used = {name for name, keep in zip(sources, kept, strict=True) if keep}
    lost = tuple(dict.fromkeys(name for name in sources if name not in used))
    if not lost:
        return ()
    return (
        Finding(
            check=f"{key}.dropped",
            about=key,
            grade=Grade.NOTE,
            subject=lost[0],
            statistic=float(len(lost)),
            message=f"Covariates that say nothing beside the units, the periods and each other were left out: "
            f"{', '.join(lost[:5])}{' …' if len(lost) > 5 else ''}.",
            remedy="Nothing to do where this is a duplicate; otherwise look why the column does not vary.",
        ),
    )


def treatment_findings(key: str, sample: Sample) -> tuple[Finding, ...]:
    """Warn of covariates that are treatment itself: before it they are one number, so that nothing is adjusted for."""
    encoded = sample.features
    same = [
        feature.source
        for j, feature in enumerate(encoded.features)
        if _tells_treatment(np.asarray(encoded.values[:, j]), sample.arm == 1)
    ]
    names = tuple(dict.fromkeys(same))
    if not names:
        return ()
    return (
        Finding(
            check=f"{key}.treatment_covariate",
            about=key,
            grade=Grade.WARN,
            subject=names[0],
            statistic=float(len(names)),
            threshold=0.0,
            message=f"Covariates that are treatment itself say nothing before it, and were not adjusted for: "
            f"{', '.join(names[:5])}{' …' if len(names) > 5 else ''}.",
            remedy="Leave them out of the covariates.",
        ),
    )


def _tells_treatment(column: Floats, treated: Bools) -> bool:
    """Whether a column is one number in treated rows and another in all others."""
    on, off = float(column[np.argmax(treated)]), float(column[np.argmin(treated)])
    return on != off and bool(np.array_equal(column, np.where(treated, on, off)))
