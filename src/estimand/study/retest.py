"""Tests by drawing again, and the sets they do not reject: wild cluster bootstrap and randomisation."""

from dataclasses import replace

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.method import ArmLines, LeastSquaresBased, Method
from estimand.core.resampling import Resampling
from estimand.core.sample import Sample
from estimand.core.uncertainty import Regions, Uncertainty
from estimand.errors import Code, DesignError, IdentificationError, UnsupportedError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.inversion import Pencil
from estimand.stats.randomisation import Assignment, Trial
from estimand.stats.resampling import batches, every_sign, multipliers
from estimand.stats.wild_cluster import cluster_sums, wild_pencil

USUAL_LEVELS = (0.9, 0.95, 0.99)
FEW_FOR_SIGNS = 12
MOST_CLUSTERS = 2000
LONGEST_COUNT = 9


def exchanged(
    made: Estimate, plan: Resampling, found: Uncertainty, inference: str, notes: tuple[Finding, ...] = ()
) -> Estimate:
    """The estimate with its uncertainty exchanged, and the scheme among its options."""
    options = FrozenMap({**made.options, "resample": plan.declared()})
    return replace(made, uncertainty=found, inference=inference, options=options, findings=(*made.findings, *notes))


def wild_cluster(method: Method, case: Case, plan: Resampling, made: Estimate) -> Estimate:
    """Exchange the uncertainty for the wild cluster bootstrap's test and set.

    Raises
    ------
    UnsupportedError
        If the method is not built on least squares, or there are too many clusters to need it.
    """
    sample = case.sample()
    if not isinstance(method, LeastSquaresBased):
        raise UnsupportedError(
            f"Method '{method.spec.key}' is not built on least squares.", remedy="Use kind: cluster."
        )
    codes = np.unique(sample.units, return_inverse=True)[1]
    groups = int(codes.max()) + 1
    if groups > MOST_CLUSTERS:
        raise UnsupportedError(
            f"The wild cluster bootstrap is for few clusters, and there are {groups:,}.", remedy="Use kind: cluster."
        )
    kind = plan.weights or ("webb" if groups < FEW_FOR_SIGNS else "rademacher")
    complete = kind == "rademacher" and 2 ** (groups - 1) <= plan.draws
    rng = case.run.rng("resample", plan.kind)
    weights = every_sign(groups) if complete else multipliers(rng, plan.draws, groups, kind)
    sums = cluster_sums(method.blocks(case), codes)
    restricted = plan.null == "restricted"
    pencils = [
        wild_pencil(sums, j, weights, restricted=restricted, complete=complete) for j in range(made.value.shape[0])
    ]
    _refuse_certainty(pencils)
    used = _with_weights(plan, kind)
    test = f"{plan.null} wild cluster bootstrap"
    return exchanged(made, used, _regions(pencils, test, case.level), "resampling", _held_fixed(method, made))


def _with_weights(plan: Resampling, kind: str) -> Resampling:
    """The scheme with the weights that were used."""
    return plan.model_copy(update={"weights": kind})


def _refuse_certainty(pencils: list[Pencil]) -> None:
    if any(pencil.variance <= 0.0 for pencil in pencils):
        raise IdentificationError(
            "The observed statistic has no spread, so nothing can be compared with it.",
            remedy="Look for an outcome that does not vary within the arms.",
        )


def _regions(pencils: list[Pencil], test: str, level: float) -> Regions:
    levels = sorted({*USUAL_LEVELS, level})
    sets = {f"{at:g}": tuple(pencil.regions(at) for pencil in pencils) for at in levels}
    return Regions(FrozenMap(sets), test, np.array([pencil.p_value(0.0) for pencil in pencils]))


def _held_fixed(method: Method, made: Estimate) -> tuple[Finding, ...]:
    if not method.spec.adjusts:
        return ()
    return (
        Finding(
            check="resampling.held_fixed",
            about=made.id,
            grade=Grade.NOTE,
            subject="covariates",
            message="The wild bootstrap holds arms and covariates as they are: its test and set speak of units with "
            "these covariates, not of a larger population's.",
            remedy="Where the covariates are a sample too and the effect varies with them, read kind: cluster too.",
        ),
    )


def randomised(method: Method, case: Case, plan: Resampling, made: Estimate) -> Estimate:
    """Exchange the uncertainty for the randomisation test of a constant effect, and the effects it does not reject.

    Raises
    ------
    DesignError
        If treatment was not assigned at random, or not by the clusters named.
    UnsupportedError
        If there are several arms or weights, or the method has no line in each arm.
    """
    sample = case.sample()
    if not case.randomised:
        raise DesignError(
            "Randomisation inference rests on how treatment was assigned, and in an observational design nobody did.",
            remedy="Use kind: pairs or cluster; or declare kind: experiment if treatment was assigned at random.",
            code=Code.UNSUPPORTED,
        )
    trial, units, assignment = _trial(method, case, sample)
    complete = assignment.log_count <= np.log(plan.draws + 0.5)
    studentised = plan.statistic == "studentised"
    drawn = assignment.every() if complete else assignment.drawn(case.run.rng("resample", plan.kind), plan.draws)
    parts = _parts(trial, drawn[:, units].astype(np.float64), case, studentised=studentised)
    pencil = trial.pencil(*parts, studentised=studentised, complete=complete)
    _refuse_certainty([pencil])
    attainable = max(assignment.smallest_share, 0.0 if complete else 1.0 / (plan.draws + 1))
    note = _attainable(made, attainable, assignment, case)
    test = f"{plan.statistic} randomisation"
    return exchanged(made, plan, _regions([pencil], test, case.level), "permutation", (note,))


def _parts(trial: Trial, assigned: Floats, case: Case, *, studentised: bool) -> tuple[Floats, Floats]:
    """Estimates and spreads under every assignment, batch by batch."""
    sizes = [size for _, size in batches(assigned.shape[0], assigned.shape[1])]
    blocks = np.split(assigned, np.cumsum(sizes)[:-1])
    done = case.run.map(lambda block: trial.parts(block, studentised=studentised), blocks, "assigning anew")
    return np.concatenate([item[0] for item in done]), np.concatenate([item[1] for item in done])


def _trial(method: Method, case: Case, sample: Sample) -> tuple[Trial, Ints, Assignment]:
    """The trial, the unit of assignment of each row (n,), and how the units were assigned."""
    if len(sample.arms) > 2 or sample.weights is not None:
        raise UnsupportedError(
            "Randomisation inference takes two arms and no weights.",
            remedy="Compare two arms at a time, without weights; or leave `resample` out.",
        )
    if not isinstance(method, ArmLines):
        raise UnsupportedError(
            f"Method '{method.spec.key}' has no line in each arm.", remedy="Use 'difference' or 'regression'."
        )
    units = np.arange(sample.n) if sample.cluster is None else np.unique(sample.cluster, return_inverse=True)[1]
    stratum = _strata(case, sample)
    first = np.unique(units, return_index=True)[1]
    for codes, what in ((sample.arm, "treatment"), (stratum, "the strata")):
        if (codes != codes[first][units]).any():
            raise DesignError(
                f"The design names clusters, and {what} varies within them, so they were not assigned as a whole.",
                remedy="Leave `cluster` out and name the column under roles.exact, if treatment was drawn within it.",
                code=Code.UNSUPPORTED,
            )
    treated = sample.arm == 1
    trial = Trial(
        case.values(), treated.astype(np.float64), method.arm_basis(case), None if sample.cluster is None else units
    )
    return trial, units, Assignment(treated[first], stratum[first])


def _strata(case: Case, sample: Sample) -> Ints:
    """Codes of the combinations of the design's exact columns, one for all where it names none."""
    names = case.design.roles.exact
    features = sample.features.features
    absent = [name for name in names if name not in {feature.source for feature in features}]
    if absent:
        raise DesignError(
            f"'{absent[0]}' is in roles.exact and not among the covariates.",
            remedy="Add it to the covariates.",
            found=absent[0],
        )
    if not names:
        return np.zeros(sample.n, dtype=np.int64)
    columns = [j for j, feature in enumerate(features) if feature.source in names]
    return np.asarray(np.unique(sample.features.values[:, columns], axis=0, return_inverse=True)[1].reshape(-1))


def _attainable(made: Estimate, smallest: float, assignment: Assignment, case: Case) -> Finding:
    """Say how small a p-value these assignments can give, and warn where the level is out of reach."""
    short = smallest > 1.0 - case.level
    treated = int(assignment.treated.sum())
    return Finding(
        check="randomisation.attainable",
        about=made.id,
        grade=Grade.WARN if short else Grade.NOTE,
        subject="assignments",
        statistic=smallest,
        threshold=1.0 - case.level,
        message=f"The test is of the same effect for every unit, under {_many(assignment)} possible assignments of "
        f"{treated} in {assignment.treated.shape[0]} units; the smallest p-value it can give is {smallest:.2g}.",
        remedy="Assign more units: no outcome could be significant at this level."
        if short
        else "A set of effects on average needs larger samples; the studentised statistic is then right for it too.",
    )


def _many(assignment: Assignment) -> str:
    """The number of assignments: whole, or by its power of ten where nobody would read it."""
    power = int(assignment.log_count / np.log(10.0))
    return f"{assignment.count:,}" if power < LONGEST_COUNT else f"some 10^{power}"
