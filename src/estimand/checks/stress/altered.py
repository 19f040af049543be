"""Cases changed in one named way, for refits that ask what the change does to an estimate."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from estimand.core.case import Case
from estimand.core.frozen import FrozenMap
from estimand.core.run import Run
from estimand.core.sample import Encoded, Feature, Sample, derived
from estimand.stats.arrays import Floats, Ints


def changed(case: Case, change: Callable[[Sample], Sample]) -> Case:
    """Change the rows of a case, those without the outcome too, for a refit on one thread."""
    beside = None if case.unobserved is None else change(case.unobserved)
    run = Run(case.run.seed, cancelled=case.run.cancelled)
    return replace(case, source=change(case.sample()), unobserved=beside, run=run)


def without(case: Case, sources: tuple[str, ...]) -> Case:
    """Leave out every feature made from the given data columns."""

    def change(sample: Sample) -> Sample:
        for source in sources:
            sample = sample.without(source)
        return sample

    return changed(case, change)


def with_columns(sample: Sample, name: str, features: tuple[Feature, ...], values: Floats) -> Sample:
    """Add features of shape (n, k) under the name of the change."""
    held = np.hstack([sample.features.values, values])
    encoded = Encoded(held, (*sample.features.features, *features))
    return replace(sample, features=encoded, fingerprint=derived(sample.fingerprint, name, values))


def with_squares(case: Case) -> Case:
    """Add the square of every covariate that takes more than two values, centred and in standard deviations."""
    centre, spread = case.sample().features.values.mean(axis=0), case.sample().features.values.std(axis=0)
    chosen = squared_features(case.sample())
    features = case.sample().features.features
    squares = tuple(Feature(f"{features[j].name}²", features[j].source) for j in chosen)

    def change(sample: Sample) -> Sample:
        scaled = (sample.features.values[:, chosen] - centre[chosen]) / spread[chosen]
        return with_columns(sample, "squares", squares, np.square(scaled))

    return changed(case, change)


def squared_features(sample: Sample) -> list[int]:
    """Positions of the features that have a square of their own: those with more than two values."""
    values = sample.features.values
    low, high = values.min(axis=0), values.max(axis=0)
    inside = (values != low) & (values != high)
    return [int(j) for j in np.flatnonzero(inside.any(axis=0))]


def for_control(case: Case, name: str, values: Floats) -> Case:
    """Take another column for the outcome, on the rows where it is known.

    The sample keeps its fingerprint where no row is lost: what is fitted of arms and covariates alone stays shared.

    Parameters
    ----------
    name : str
        Not the name of an outcome.
    values : ndarray of shape (n,)
        Not-a-number where unknown.
    """
    sample, known = case.sample(), ~np.isnan(values)
    outcomes = FrozenMap({**sample.outcomes, name: values})
    held = replace(sample, outcomes=outcomes, present=FrozenMap({**sample.present, name: known}))
    rows = held if known.all() else held.take(np.flatnonzero(known))
    run = Run(case.run.seed, cancelled=case.run.cancelled)
    return replace(case, source=rows, outcome=name, run=run)


def subset(case: Case, share: float, key: tuple[str | int, ...]) -> Case:
    """Keep a random share of the independent units, drawn without replacement from the stream of a key."""
    rng = case.run.rng(*key)
    kept = _drawn(np.unique(case.sample().units), share, rng)
    if case.unobserved is None:
        return changed(case, lambda sample: sample.take(np.flatnonzero(np.isin(sample.units, kept))))
    others = np.setdiff1d(case.unobserved.units, case.sample().units)
    every = np.union1d(kept, _drawn(others, share, rng))
    return changed(case, lambda sample: sample.take(np.flatnonzero(np.isin(sample.units, every))))


def _drawn(units: Ints, share: float, rng: np.random.Generator) -> Ints:
    size = round(share * units.shape[0])
    return np.sort(rng.permutation(units)[:size])
