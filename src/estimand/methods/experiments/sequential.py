"""Difference of a metric that may be read before its planned end, at every look or at those declared."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import NEEDED_LEVELS, Estimate
from estimand.core.frozen import FrozenMap
from estimand.core.method import IN_EVERY_WAY, Detail, Method, method
from estimand.core.metric import MEANS
from estimand.core.planned import Spending
from estimand.core.table import Table
from estimand.core.uncertainty import Regions, Segments
from estimand.methods.experiments.fixed import covariance, read_once
from estimand.methods.experiments.looking import Asked, Kind, Looking
from estimand.methods.experiments.looking_findings import looking_findings
from estimand.methods.experiments.path import Look, looks_of
from estimand.stats.always_valid import mixture_p_value, mixture_radius, tightest_ratio
from estimand.stats.arrays import Floats
from estimand.stats.group_sequential import spending_limits
from estimand.stats.repeated import repeated_p_value
from estimand.stats.stagewise import stopped

TEST = {
    "confidence_sequence": "asymptotic confidence sequence",
    "msprt": "mixture sequential probability ratio",
    "group_sequential": "repeated group-sequential",
}


@method(
    "sequential",
    designs=(Experiment,),
    references=(
        "Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, doi:10.1214/24-AOS2408",
        "Johari, Koomen, Pekelis & Walsh 2022, doi:10.1287/opre.2021.2135",
        "Lan & DeMets 1983, doi:10.1093/biomet/70.3.659",
        "Jennison & Turnbull 1989, doi:10.1111/j.2517-6161.1989.tb01432.x",
    ),
    inference="set",
    invariances=IN_EVERY_WAY,
    reads_moments=True,
    needs_metrics=True,
    metrics=(*MEANS, "ratio"),
    details=(
        Detail("std_error", "(k,)", "unit of the metric; of the difference read once"),
        Detail("share", "()", "of the planned units"),
        Detail("path", "(looks × terms,)", "one row a look and term"),
        Detail("stopped", "(terms that stopped,)", "inference after stopping, of group_sequential"),
    ),
    why_not="Its error is over looks, which a draw of the data does not repeat; draw for difference or regression.",
)
class Sequential(Method):
    r"""Difference of each arm's level from control's, with a set that allows for the looks before it.

    Estimand: E[Y(a)] - E[Y(0)], or of ratios of means: as ``difference``, or as ``cuped`` with ``adjust``, where
    slopes are fitted anew at every look.

    ``confidence_sequence`` and ``msprt`` hold at every look after the burn-in, whenever it is taken: the set is
    :math:`\hat\delta \pm s \sqrt{(1 + 1/r)(\log(1 + r) - 2 \log \alpha)}` with standard error s and r the mixture's
    variance over s². For the sequence :math:`r = r^* n / N`, tightest at the N planned units (10,000 where none are
    planned); for the mSPRT it is ``effect_sd``² / s². Both are asymptotic, so that there is a burn-in.

    ``group_sequential`` holds at the declared looks: limits of |z| that spend the error by the share of the planned
    units. The set is the repeated interval, the p-value the least size that rejects at this look; once a term has
    crossed its limit, or the planned units are there, ``details.stopped`` gives p-value, median-unbiased estimate and
    interval by the order of the looks. "obrien_fleming" and "pocock" spend half the error on either side by the
    functions of Lan and DeMets that come near those limits; "lan_demets" spends the two-sided error by the first.

    Variance: that of ``difference``, or of ``cuped``; taken as normal. Several arms: each set holds for its arm alone.

    Where the design names its time of exposure, or ``day``, of units that are rows, ``details.path`` has every look so
    far, cumulative over days of different units, as it has where those are the strata; then the p-value of an
    always-valid test is the least so far.

    Parameters
    ----------
    kind : "confidence_sequence" | "msprt" | "group_sequential", optional
        By default that of the design's plan, else a confidence sequence.
    spending : "obrien_fleming" | "pocock" | "lan_demets", optional
        By default that of the plan.
    burn_in : int, optional
        Units over all arms before which an always-valid set is not to be read; by default that of the plan.
    units : int, optional
        Planned, over all arms; by default those of the plan.
    looks : int or tuple of float, optional
        Declared looks, or their shares of the planned units; by default those of the plan.
    effect_sd : float, optional
        For "msprt": how large effects usually are, as a standard deviation in the metric's unit.
    adjust : bool
        Whether the metric before the experiment and the design's strata sharpen the answer, where there are any.
    """

    reads_skewness: ClassVar[bool] = True
    kind: Kind | None = None
    spending: Spending | None = None
    burn_in: int | None = Field(default=None, ge=0)
    units: int | None = Field(default=None, ge=1)
    looks: Annotated[int, Field(ge=1)] | tuple[float, ...] | None = None
    effect_sd: float | None = Field(default=None, gt=0)
    adjust: bool = True

    def estimate(self, case: Case) -> Estimate:
        """Estimate from the moments of the case's metric."""
        asked = Asked(self.kind, self.spending, self.burn_in, self.units, self.looks, self.effect_sd)
        looking = Looking.of(case, asked)
        once = read_once(case, self, adjust=self.adjust)
        units = float(case.metric_moments().units.sum())
        now = Look("", units, once.value, np.sqrt(np.diag(covariance(once))))
        looks = (*looks_of(case, looking, lambda part: read_once(part, self, adjust=self.adjust), units), now)
        read = _AlwaysValid(looking, looks) if looking.always_valid else _GroupSequential(looking, looks)
        levels = sorted({*NEEDED_LEVELS, case.level})
        sets = {f"{level:g}": _segments(once.value, read.radius(len(looks) - 1, 1.0 - level)) for level in levels}
        p_value = read.p_values()[-1]
        return replace(
            once,
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            uncertainty=Regions(FrozenMap(sets), TEST[looking.kind], p_value),
            inference=self.spec.inference,
            influence=None,
            details=FrozenMap(
                {
                    "std_error": now.std_error,
                    "share": looking.share(units),
                    "path": _path(read, looks, once, 1.0 - case.level),
                    "stopped": read.stopped(once, 1.0 - case.level),
                }
            ),
            findings=(*once.findings, *looking_findings(self.spec.key, case, looking, looks)),
        )


def _segments(value: Floats, radius: Floats) -> tuple[Segments, ...]:
    return tuple(((float(middle - half), float(middle + half)),) for middle, half in zip(value, radius, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class _AlwaysValid:
    """Sets and p-values of a mixture, which hold at every look."""

    looking: Looking
    looks: tuple[Look, ...]

    def _ratio(self, look: Look) -> Floats:
        """Variance of the mixture over that of the estimate, shape (k,)."""
        if self.looking.effect_sd is not None and self.looking.kind == "msprt":
            return np.asarray(np.square(self.looking.effect_sd / look.std_error))
        return np.full(look.value.shape, tightest_ratio(self.looking.alpha) * self.looking.share(look.units))

    def radius(self, at: int, alpha: float) -> Floats:
        """Half width of each term's set at a look."""
        look = self.looks[at]
        return mixture_radius(look.std_error, self._ratio(look), alpha)

    def p_values(self) -> Floats:
        """P-value by each look, the least so far, shape (looks, k)."""
        alone = [mixture_p_value(look.value / look.std_error, self._ratio(look)) for look in self.looks]
        return np.asarray(np.minimum.accumulate(np.stack(alone)))

    def stopped(self, once: Estimate, alpha: float) -> dict[str, Any]:
        """An always-valid set is the same, stopped or not."""
        return _after([])


@dataclass(frozen=True, slots=True, eq=False)
class _GroupSequential:
    """Repeated intervals and p-values, which hold at the declared looks."""

    looking: Looking
    looks: tuple[Look, ...]

    def _shares(self, at: int) -> Floats:
        """Shares of the planned units at the looks up to one: those taken, else those declared."""
        taken = np.array([self.looking.share(look.units) for look in self.looks[: at + 1]])
        return taken if len(self.looks) > 1 else self.looking.looks_by(float(taken[-1]))

    def _limits(self, at: int, alpha: float) -> Floats:
        shares = self._shares(at)
        return spending_limits(shares, self.looking.spent(shares, alpha))

    def radius(self, at: int, alpha: float) -> Floats:
        """Half width of each term's repeated interval at a look."""
        return np.asarray(self.looks[at].std_error * self._limits(at, alpha)[-1])

    def p_values(self) -> Floats:
        """Repeated p-value at each look alone, shape (looks, k)."""
        found = []
        for at, look in enumerate(self.looks):
            shares = self._shares(at)
            z = look.value / look.std_error
            spent = partial(self.looking.spent, shares)
            found.append([repeated_p_value(float(x), shares, spent) for x in z])
        return np.array(found)

    def stopped(self, once: Estimate, alpha: float) -> dict[str, Any]:
        """Inference after stopping, of the terms that have crossed at this look or are at the planned end."""
        at = len(self.looks) - 1
        shares, limits, look = self._shares(at), self._limits(at, alpha), self.looks[-1]
        rows = []
        for j, term in enumerate(once.terms):
            error = float(look.std_error[j])
            z = float(look.value[j]) / error
            if abs(z) < limits[-1] and not self.looking.at_end(float(shares[-1])):
                continue
            after = stopped(z, limits[:-1], shares / shares[-1] / error**2, alpha)
            rows.append(
                (term.label, shares.shape[0], float(limits[-1]), after.p_value, after.median, after.low, after.high)
            )
        return _after(rows)


def _after(rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    names = ("term", "look", "limit", "p_value", "median", "low", "high")
    return Table({name: [row[j] for row in rows] for j, name in enumerate(names)}).to_dict()


def _path(
    read: _AlwaysValid | _GroupSequential, looks: tuple[Look, ...], once: Estimate, alpha: float
) -> dict[str, Any]:
    """One row per look and term."""
    radii = [read.radius(at, alpha) for at in range(len(looks))]
    p_values = read.p_values()
    columns: dict[str, list[Any]] = {
        name: [] for name in ("look", "units", "term", "value", "std_error", "low", "high", "p_value")
    }
    for at, look in enumerate(looks):
        for j, term in enumerate(once.terms):
            value, half = float(look.value[j]), float(radii[at][j])
            bounds = (value - half, value + half) if np.isfinite(half) else (None, None)
            cells = (
                look.label,
                look.units,
                term.label,
                value,
                float(look.std_error[j]),
                *bounds,
                float(p_values[at][j]),
            )
            for name, cell in zip(columns, cells, strict=True):
                columns[name].append(cell)
    return Table(columns).to_dict()
