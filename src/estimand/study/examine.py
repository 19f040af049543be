"""Run the checks on the estimates of a case."""

from dataclasses import replace

from estimand.core.case import Case
from estimand.core.catalog import keys, resolve
from estimand.core.check import Check
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.resampling import Resampling
from estimand.core.sample import Sample
from estimand.errors import EstimandError
from estimand.models.bank import Cache, NuisanceBank
from estimand.study.noise import no_noise
from estimand.study.observation import refuse_uncarried
from estimand.study.plan import Planned
from estimand.study.resample import resampled
from estimand.study.triggered import of_triggered


def run_method(planned: Planned, case: Case, name: str, resample: Resampling | None = None) -> Estimate:
    """Run one method, drawing again where a scheme says so, and put what it found under the planned id."""
    method = planned.method
    estimate = method.estimate(case) if resample is None else resampled(method, case, resample)
    refuse_uncarried(estimate, case)
    estimate = of_triggered(estimate, case)
    found = (*estimate.findings, *no_noise(estimate, case))
    findings = tuple(replace(finding, about=name) for finding in found)
    return replace(estimate, id=name, findings=findings, binary=case.binary)


def examine(
    case: Case, estimates: tuple[Estimate, ...], planned: dict[str, Planned], *, beside_moments: bool = False
) -> tuple[Finding, ...]:
    """Answer every check of the catalog that applies; one that fails is reported as not run.

    A case without rows is put to the checks that need none. Those are left out where the rows lie beside moments,
    which are put to them in a case of their own.

    In a quick run, whose checks keep their refits few, a refit that two checks ask for is made once.
    """
    made: dict[tuple[object, ...], Estimate] = {}

    def refit(estimate: Estimate, changed: Case, resample: Resampling | None = None) -> Estimate:
        asked = _as_asked(planned[estimate.id], estimate)
        key = _same_again(asked, changed, resample) if changed.stress == "quick" else None
        if key is not None and key in made:
            return made[key]
        again = run_method(asked, _with_its_own_nuisances(changed, case), estimate.id, resample)
        if key is not None:
            made[key] = again
        return again

    findings: list[Finding] = []
    for key in keys("checks"):
        kind: type[Check] = resolve("checks", key)
        asked = kind.spec.reads_moments and not kind.spec.reads_both
        left_out = asked if beside_moments else not _has_what_it_reads(kind, case)
        if left_out or not isinstance(case.design, kind.spec.designs):
            continue
        check = kind()
        try:
            if check.applies(case, estimates):
                findings.extend(check.examine(case, estimates, refit))
        except EstimandError as error:
            findings.append(not_run(key, STUDY, error))
    return tuple(findings)


def _has_what_it_reads(kind: type[Check], case: Case) -> bool:
    return kind.spec.reads_moments or isinstance(case.source, Sample)


def _same_again(planned: Planned, changed: Case, resample: Resampling | None) -> tuple[object, ...] | None:
    """What decides a refit's numbers; None where the case has no rows to tell it by."""
    if not isinstance(changed.source, Sample) or resample is not None:
        return None
    options = repr(sorted(planned.method.options().items()))
    return (planned.id, options, changed.source.fingerprint, changed.outcome, changed.run.seed, changed.level)


def _as_asked(planned: Planned, estimate: Estimate) -> Planned:
    """The planned method, with the options that the estimate names where they differ."""
    method = planned.method
    was = method.options()
    other = {name: value for name, value in estimate.options.items() if name in was and value != was[name]}
    if not other:
        return planned
    own = {name: getattr(method, name) for name in method.model_fields_set}
    return replace(planned, method=type(method)(**(own | other)))


def _with_its_own_nuisances(changed: Case, case: Case) -> Case:
    """Give a case with other rows or another seed a bank for them; what depends on neither stays shared."""
    if not isinstance(changed.source, Sample):
        return changed
    cache = case.nuisances.cache if isinstance(case.nuisances, NuisanceBank) else Cache()
    if not isinstance(case.source, Sample) or changed.source.fingerprint != case.source.fingerprint:
        cache = cache.for_other_rows()
    return replace(changed, nuisances=NuisanceBank(changed.source, changed.outcome, changed.run, cache))


def not_run(check: str, about: str, error: EstimandError) -> Finding:
    """Report that something could not be computed, and why."""
    return Finding(
        check=check,
        about=about,
        grade=Grade.NOT_RUN,
        subject=str(error.code),
        message=error.message,
        remedy=error.remedy,
    )
