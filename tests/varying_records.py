"""Records of studies with effects that vary, made by hand: every number in them is known."""

from typing import Any

import numpy as np
import study_records as made

from estimand.core.design import Observational
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.question import Question, Target
from estimand.core.record import StudyRecord
from estimand.core.table import Table

ARMS = ("1",)
ROWS = 1000
PLACES = 25


def effects(arms: int = 1, rows: int = ROWS) -> np.ndarray:
    """Effects from -0.1 to 0.3 in a scrambled order; each further arm's are half as large."""
    spread = np.linspace(-0.1, 0.3, rows)[np.random.default_rng(0).permutation(rows)]
    return np.column_stack([spread / 2**j for j in range(arms)])


def by_covariate(arms: tuple[str, ...]) -> dict[str, list[Any]]:
    """A curve that falls with tenure, and a plan of two levels."""
    rows: list[tuple[Any, ...]] = []
    for j, arm in enumerate(arms):
        for k in range(PLACES):
            value = 0.2 / 2**j - 0.01 * k
            rows.append((arm, "tenure", "", 2.0 + 2.0 * k, value, 0.02, value - 0.04, value + 0.04, value - 0.06,
                         value + 0.06, None))  # fmt: skip
    for arm in arms:
        for level, value, n in (("basic", 0.12, 600), ("pro", -0.03, 400)):
            rows.append(
                (arm, "plan", level, None, value, 0.02, value - 0.04, value + 0.04, value - 0.05, value + 0.05, n)
            )
    names = ("arm", "covariate", "level", "at", "value", "std_error", "low", "high", "band_low", "band_high", "rows")
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}


def by_pair(arms: tuple[str, ...]) -> dict[str, list[Any]]:
    """Three bins of tenure by two plans; one cell has too few rows, one has none."""
    cells = ((0, 0, 300, 0.21), (1, 0, 250, 0.11), (2, 0, 240, 0.04), (0, 1, 150, 0.02), (1, 1, 12, None))
    rows = [(arm, "tenure", "plan", i, k, n, value, None if value is None else 0.05, None if value is None else 0.1)
            for arm in arms for i, k, n, value in cells]  # fmt: skip
    names = ("arm", "across", "down", "across_bin", "down_bin", "rows", "value", "std_error", "predicted")
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}


BINS = {
    "covariate": ["tenure"] * 3 + ["plan"] * 2,
    "bin": [0, 1, 2, 0, 1],
    "level": ["", "", "", "basic", "pro"],
    "low": [1.0, 13.0, 25.0, None, None],
    "high": [12.0, 24.0, 48.0, None, None],
}


def forest(arms: tuple[str, ...] = ARMS, errors: bool = True, unit: str = "share", **more: Any) -> Estimate:
    """Return an estimate with every detail that the figures read."""
    details: dict[str, Any] = {
        "effects": effects(len(arms)) if len(arms) > 1 else effects()[:, 0],
        "importance": FrozenMap({"plan": 0.2, "tenure": 0.7, "region": 0.1}),
        "by_covariate": by_covariate(arms),
        "by_pair": by_pair(arms),
        "pair_bins": BINS,
    }
    if errors:
        details["effect_std_error"] = np.full(details["effects"].shape, 0.05)
    values = tuple(0.1 / 2**j for j in range(len(arms)))
    told = {"outcome": "renewed", "target": Target.ATE, "n_obs": ROWS} | more
    return made.estimate("causal_forest", values, (0.01,) * len(arms), arms=arms, unit=unit,
                         details=FrozenMap(details | told.pop("details", {})), **told)  # fmt: skip


def _constant(rows: int, **values: Any) -> dict[str, list[Any]]:
    return {name: [value] * rows for name, value in values.items()}


def calibration(slope: tuple[float, float, float] = (0.8, 0.5, 1.1), arm: str = "1") -> Finding:
    """Five bins on the line through the middle with the given slope."""
    x = [-0.05, 0.03, 0.1, 0.17, 0.25]
    value = [0.1 + slope[0] * (at - 0.1) for at in x]
    table = {
        "bin": [1, 2, 3, 4, 5], "rows": [200] * 5, "predicted": x, "value": value, "std_error": [0.03] * 5,
        "low": [v - 0.06 for v in value], "high": [v + 0.06 for v in value],
        **_constant(5, slope=slope[0], slope_low=slope[1], slope_high=slope[2], p_value=0.0004, mean=0.1,
                    predicted_mean=0.1),
    }  # fmt: skip
    return found("calibration", table, arm=arm, statistic=slope[0])


def rate(area: tuple[float, float, float] = (0.05, 0.02, 0.08), arm: str = "1") -> Finding:
    """A curve that falls to zero at everyone; intervals as wide as the area's are far from zero."""
    share = [j / 20 for j in range(1, 21)]
    value = [2.0 * area[0] * (1.0 - at) for at in share]
    half = [(area[2] - area[1]) * (1.0 - at) for at in share]
    table = {
        "share": share, "value": value, "std_error": [h / 2 for h in half],
        "low": [v - h for v, h in zip(value, half, strict=True)],
        "high": [v + h for v, h in zip(value, half, strict=True)],
        "band_low": [v - 1.4 * h for v, h in zip(value, half, strict=True)],
        "band_high": [v + 1.4 * h for v, h in zip(value, half, strict=True)],
        **_constant(20, autoc=area[0], autoc_low=area[1], autoc_high=area[2], autoc_p=0.0004, qini=area[0] / 4,
                    qini_low=area[1] / 4, qini_high=area[2] / 4, qini_p=0.02),
    }  # fmt: skip
    return found("rate", table, arm=arm, statistic=area[0])


def groups(values: tuple[float, ...] = (-0.08, 0.0, 0.05, 0.1, 0.2), half: float = 0.05, arm: str = "1") -> Finding:
    """Groups with the given effects, predicted half as large again."""
    g, gap = len(values), values[-1] - values[0]
    table = {
        "group": list(range(1, g + 1)), "rows": [100] * g, "predicted": [1.5 * v for v in values],
        "value": list(values), "low": [v - half for v in values], "high": [v + half for v in values],
        "monotone": list(values), "monotone_low": [v - half for v in values],
        "monotone_high": [v + half for v in values],
        **_constant(g, difference=gap, difference_low=gap - 2 * half, difference_high=gap + 2 * half, p_value=0.001,
                    average=sum(values) / g, average_low=sum(values) / g - 0.02, average_high=sum(values) / g + 0.02,
                    splits=5),
    }  # fmt: skip
    return found("groups", table, arm=arm, statistic=gap)


def profile(arm: str = "1") -> Finding:
    """A number, a category, and seven covariates that hardly differ."""
    names = ["tenure", "plan = basic", *(f"x{j}" for j in range(7))]
    table = {
        "covariate": names, "least": [33.0, 0.4] + [1.0] * 7, "most": [10.0, 0.8] + [1.1] * 7,
        "difference": [-23.0, 0.4] + [0.1] * 7, "low": [-25.0, 0.3] + [-0.1] * 7, "high": [-21.0, 0.5] + [0.3] * 7,
        "standardised": [-1.5, 0.8] + [0.1] * 7, "p_value": [1e-9, 1e-5] + [0.4] * 7,
        "adjusted": [1e-8, 4e-5] + [1.0] * 7, "splits": [5] * 9,
    }  # fmt: skip
    return found("profile", table, grade=Grade.NOTE, arm=arm)


def usable(told: bool, arm: str = "1") -> Finding:
    """The reading of both tests."""
    message = (
        "Usable heterogeneity: it is borne out." if told else "No usable heterogeneity: it cannot be told from noise."
    )
    table = {"test": ["autoc", "calibration"], "value": [0.05, 0.8], "low": [0.02, 0.5], "high": [0.08, 1.1],
             "p_value": [0.001, 0.001], "adjusted": [0.002, 0.002]}  # fmt: skip
    return found("usable", table, grade=Grade.PASS if told else Grade.NOTE, arm=arm, message=message)


def found(check: str, table: dict[str, list[Any]], grade: Grade = Grade.PASS, arm: str = "1", **more: Any) -> Finding:
    """Return a finding about the forest and one arm."""
    message = more.pop("message", f"What {check} found.")
    return made.finding(
        f"heterogeneity.{check}", "causal_forest", grade, message, subject=arm, evidence=Table(table), **more
    )


def record(*findings: Finding, estimate: Estimate | None = None, arms: tuple[str, ...] = ARMS) -> StudyRecord:
    """Return a record whose headline is a forest."""
    return made.record(
        (forest(arms) if estimate is None else estimate,),
        findings,
        question=Question(
            text="Whose?", target=Target.ATE, unit="share", labels={"renewed": "renewal", "tenure": "months of tenure"}
        ),
        design=Observational(treatment="offer", outcome=("renewed",), covariates=("tenure", "plan", "region")),
        headline="causal_forest",
        arms={"0": 500} | dict.fromkeys(arms, 500),
    )


def every(told: bool = True) -> StudyRecord:
    """Return a record with all that the checks find."""
    return record(usable(told), calibration(), rate(), groups(), profile())
