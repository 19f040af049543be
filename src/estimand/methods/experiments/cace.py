"""Effect on compliers: those whose treatment the assignment decided."""

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import NEEDED_LEVELS, Estimate, Population
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.method import Detail, Method, method
from estimand.core.metric_estimate import Comparison
from estimand.core.metric_moments import DENOMINATOR, MetricMoments
from estimand.core.question import Target
from estimand.core.uncertainty import Regions
from estimand.errors import Code, IdentificationError, UnsupportedError
from estimand.methods.experiments.cells import Cells, history_cells, strata_cells
from estimand.stats.arrays import Floats
from estimand.stats.metric_moments import JointMeans
from estimand.stats.wald_ratio import WaldRatios, wald_ratios

NEGLIGIBLE = 1e-12


@method(
    "cace",
    designs=(Experiment,),
    references=(
        "Imbens & Angrist 1994, doi:10.2307/2951620",
        "Angrist, Imbens & Rubin 1996, doi:10.1080/01621459.1996.10476902",
        "Anderson & Rubin 1949, doi:10.1214/aoms/1177730090",
        "Montiel Olea & Pflueger 2013, doi:10.1080/00401706.2013.806694",
    ),
    inference="set",
    invariances=("row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "duplicated_rows"),
    reads_moments=True,
    needs_metrics=True,
    needs=("took",),
    details=(
        Detail("std_error", "(k,)", "unit of the metric; by the delta method"),
        Detail("intention_to_treat", "(k, 2)", "unit of the metric; effect of the assignment, and its standard error"),
        Detail("first_stage", "(k, 2)", "share of units; effect of the assignment on uptake, and its standard error"),
        Detail("first_stage_f", "(k,)", "none where nobody's choice differs within an arm"),
        Detail("uptake", "(arms,)", "share of the units of each arm that took the treatment"),
    ),
    why_not="Its set is the inversion of a test; draw for difference, the effect of the assignment.",
)  # fmt: skip
class CACE(Method):
    r"""Effect of the treatment on compliers: the effect of assignment over its effect on the treatment received.

    Estimand: LATE, :math:`E[Y(1) - Y(0)]` among units that take the treatment of their arm if assigned to it and would
    not if assigned to control; not the ATE. Of several arms, each against control. Where nobody in control took it
    (one-sided non-compliance) these are all who took it in the arm.

    Assumes that assignment moves the metric through the treatment received alone (exclusion), and that nobody takes the
    treatment only if assigned to control (no defiers).

    Both effects are adjusted for history and strata as in ``cuped``, jointly.

    Variance: the set is Anderson and Rubin's: the values of the effect that leave no difference between the arms. It
    keeps its level where few follow their assignment, and may then be unbounded; the p-value is that of the effect of
    assignment. ``details.std_error`` is by the delta method on the joint covariance of both effects, right where the
    first stage is strong. Reads moments: no rows are needed.

    Parameters
    ----------
    adjust : bool
        Whether the metric before the experiment and the design's strata sharpen the answer, where there are any.
    """

    adjust: bool = True

    def estimate(self, case: Case) -> Estimate:
        """Divide the effects that the moments of the metric and the treatment received give."""
        moments = _received(case)
        cells = self._cells(moments)
        history = self.adjust and any(moments.covariates(j) for cell in cells.kept for j in cell)
        compared = Comparison.of(moments, cells.kept, history=history)
        joint = compared.joint(moments)
        uptake = _uptake(moments, joint)
        _refuse_still(case, uptake)
        found = wald_ratios(joint)
        used = float(compared.units.sum())
        every = float(moments.counts.rows.sum() + moments.counts.missing.sum())
        sets = {f"{level:g}": found.sets(level) for level in sorted({*NEEDED_LEVELS, case.level})}
        error, strength = np.sqrt(np.einsum("kqq->kq", found.spread)), found.first_stage()
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=Target.LATE,
            population=Population("everyone" if used == every else "complete cases", int(used), used / every),
            terms=case.arm_terms(),
            value=found.value,
            uncertainty=Regions(FrozenMap(sets), "Anderson-Rubin", found.p_value()),
            n_obs=int(used),
            inference=self.spec.inference,
            level=case.level,
            details=FrozenMap(
                {
                    "std_error": np.sqrt(np.diag(found.vcov)),
                    "intention_to_treat": np.stack([found.effects[:, 0], error[:, 0]], axis=1),
                    "first_stage": np.stack([found.effects[:, 1], error[:, 1]], axis=1),
                    "first_stage_f": [float(f) if np.isfinite(f) else None for f in strength],
                    "uptake": uptake,
                }
            ),
            findings=(
                *self._weak(case, found, strength),
                self._compliance(case, uptake, found),
                *self._left_out(moments, cells),
            ),
        )

    def _cells(self, moments: MetricMoments) -> Cells:
        within = moments.strata != ("",)
        if self.adjust and any(moments.covariates(j) for j in range(len(moments.parts))):
            return history_cells(moments, stratified=within)
        if self.adjust and within:
            return strata_cells(moments)
        return Cells((tuple(range(len(moments.parts))),), ())

    def _weak(self, case: Case, found: WaldRatios, strength: Floats) -> tuple[Finding, ...]:
        """Warn of arms whose assignment hardly moved the treatment received."""
        threshold = case.gates.first_stage
        return tuple(
            Finding(
                check="cace.first_stage",
                about=self.spec.key,
                grade=Grade.WARN,
                subject=term.label,
                statistic=float(f),
                threshold=threshold,
                message=f"Assignment to '{term.label}' moved uptake by {format_number(float(effect[1]))} (F = "
                f"{format_number(float(f))}): too little for a standard error. The set shown keeps its level, and may "
                "be unbounded.",
                remedy="Read the effect of the assignment, by difference or cuped.",
            )
            for term, f, effect in zip(case.arm_terms(), strength, found.effects, strict=True)
            if f < threshold
        )

    def _compliance(self, case: Case, uptake: Floats, found: WaldRatios) -> Finding:
        """Say who took what, and whom the effect is about."""
        told = ", ".join(f"{arm} {share:.1%}" for arm, share in zip(case.arms, uptake, strict=True))
        backwards = bool((found.effects[:, 1] < 0.0).any())
        if backwards:
            whom = "fewer took it in an arm that was assigned it, so that no complier is known"
        elif uptake[0] == 0.0:
            whom = "nobody did in control, so that the effect is that on those who took it"
        else:
            whom = "some did in control, so that the effect is on those alone who took it because of their arm"
        return Finding(
            check="cace.compliance",
            about=self.spec.key,
            grade=Grade.WARN if backwards else Grade.NOTE,
            subject=str(case.design.took) if isinstance(case.design, Experiment) else "",
            statistic=float(found.effects[:, 1].min()),
            message=f"Share that took the treatment: {told}; {whom}.",
            remedy="Check that 1 means that the unit took the treatment of its arm." if backwards else None,
        )

    def _left_out(self, moments: MetricMoments, cells: Cells) -> tuple[Finding, ...]:
        units = int(sum(moments.parts[j].units.sum() for j in cells.left_out))
        if not units:
            return ()
        return (
            Finding(
                check="cace.left_out",
                about=self.spec.key,
                grade=Grade.WARN,
                subject=moments.metric,
                statistic=float(units),
                message=f"{units:,} units with too few alike in history or stratum in some arm were left out.",
                remedy="Join small strata, or use adjust: false.",
            ),
        )


def _received(case: Case) -> MetricMoments:
    """Moments of the metric and the treatment received.

    Raises
    ------
    UnsupportedError
        If the design does not say what units took, or clusters them.
    """
    moments = case.metric_moments()
    if moments.received is not None:
        return moments.received
    if isinstance(case.design, Experiment) and case.design.took is None:
        raise UnsupportedError(
            "The design does not say which units took the treatment.",
            remedy="Add took: the column that is 1 where a unit took its arm's treatment, or use method: difference.",
        )
    raise UnsupportedError(
        "The effect on compliers is of units summed one by one, together with what they took; these are clustered, or "
        "their moments were made without it.",
        remedy="Use method: difference, the effect of the assignment; or give the rows, one a unit.",
        code=Code.UNSUPPORTED,
    )


def _uptake(moments: MetricMoments, joint: JointMeans) -> Floats:
    """Share that took the treatment in each arm, shape (a,); as adjusted, but exact where it is nobody or everyone."""
    whole = moments.pooled()
    d = whole.position(DENOMINATOR)
    plain, still = whole.shift[d] + whole.means[:, d], whole.cross[:, d, d] <= 0.0
    return np.asarray(np.where(still, np.rint(plain), joint.mean[:, 1] + whole.shift[d]))


def _refuse_still(case: Case, uptake: Floats) -> None:
    """Refuse arms whose assignment moved nobody."""
    for arm, share in zip(case.arms[1:], uptake[1:], strict=True):
        if abs(share - uptake[0]) <= NEGLIGIBLE:
            raise IdentificationError(
                f"The share that took the treatment is {share:.1%} in arm '{arm}' as in control, so nobody's treatment "
                "was decided by the assignment.",
                remedy="Check the column, or use method: difference, the effect of the assignment.",
                code=Code.NOT_IDENTIFIED,
                found=float(share),
            )
