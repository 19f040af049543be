r"""From raw trials to one row: bias, coverage, size, power, and the Monte-Carlo error of each.

With estimates :math:`\hat\theta_r`, truths :math:`\theta_r` (one number unless the target is of those matched) and
errors :math:`d_r = \hat\theta_r - \theta_r` of R repetitions, the Monte-Carlo standard errors are those of Morris,
White & Crowther (2019), doi:10.1002/sim.8086: of bias sd(d)/√R, of a share √(p(1-p)/R), of the mean length sd/√R; of
the root mean square error sd(d²)/(2 RMSE √R), and of the ratio of the root-mean-square standard error to the spread
of the errors by the delta method, its two parts taken as independent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from estimand.core.calibration import Measured
from estimand.core.frozen import FrozenMap
from estimand.laboratory.repetition import Trial
from estimand.stats.arrays import Floats

SIGNIFICANT = 0.05
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Summary:
    """What the repetitions of one cell amount to.

    Attributes
    ----------
    repetitions : int
        Tables drawn.
    failed : Measured
        Share of them without an estimate.
    code, message : str
        The most frequent failure, and its words on the first table that met it.
    target : str
        What was estimated; several joined where it depends on the table.
    truth : float or None
        The mean truth.
    own_truth : bool
        Whether the truth differs from table to table.
    numbers : mapping of str to Measured
        bias, rmse, se_ratio, coverage, length, size (share of p < 0.05 where nothing is true), power (elsewhere).
    judged : int
        Tables with an interval and a truth.
    seconds : float or None
        Median time of an estimate.
    """

    repetitions: int
    failed: Measured
    code: str
    message: str
    target: str
    truth: float | None
    own_truth: bool
    numbers: Mapping[str, Measured]
    judged: int
    seconds: float | None


def summarise(trials: Sequence[Trial]) -> Summary:
    """Sum up the trials of one cell, in the order of their repetitions."""
    made = [trial for trial in trials if not trial.code]
    failures = Counter(trial.code for trial in trials if trial.code)
    code = min(failures, key=lambda name: (-failures[name], name)) if failures else ""
    judged = [trial for trial in made if trial.truth is not None]
    truths = {trial.truth for trial in judged}
    return Summary(
        repetitions=len(trials),
        failed=_share([bool(trial.code) for trial in trials]),
        code=code,
        message=next((trial.message for trial in trials if trial.code == code), "") if code else "",
        target=" or ".join(sorted({trial.target for trial in made})),
        truth=float(np.mean([_number(trial.truth) for trial in judged])) if judged else None,
        own_truth=len(truths) > 1,
        numbers=FrozenMap(_errors(judged) | _intervals(judged) | _tests(made, truths)),
        judged=sum(trial.low is not None for trial in judged),
        seconds=median(trial.seconds for trial in made) if made else None,
    )


def _errors(judged: Sequence[Trial]) -> dict[str, Measured]:
    """Bias, root mean square error, and the standard errors against the spread of the errors."""
    if len(judged) < FEWEST:
        return {"bias": Measured(), "rmse": Measured(), "se_ratio": Measured()}
    off = np.array([_number(trial.value) - _number(trial.truth) for trial in judged])
    count, spread = off.shape[0], float(off.std(ddof=1))
    rmse = float(np.sqrt(np.mean(off**2)))
    rmse_error = float(np.std(off**2, ddof=1) / (2.0 * rmse * np.sqrt(count))) if rmse > 0.0 else 0.0
    stated = [trial.std_error for trial in judged]
    return {
        "bias": Measured(float(off.mean()), spread / np.sqrt(count)),
        "rmse": Measured(rmse, rmse_error),
        "se_ratio": Measured() if None in stated or spread == 0.0 else _ratio(np.array(stated, dtype=float), spread),
    }


def _ratio(stated: Floats, spread: float) -> Measured:
    count = stated.shape[0]
    typical = float(np.sqrt(np.mean(stated**2)))
    ratio = typical / spread
    by_stated = float(np.var(stated**2, ddof=1)) / (4.0 * count * typical**4) if typical > 0.0 else 0.0
    return Measured(ratio, ratio * float(np.sqrt(by_stated + 1.0 / (2.0 * (count - 1)))))


def _intervals(judged: Sequence[Trial]) -> dict[str, Measured]:
    """Coverage and length; an unbounded interval covers, and has no length."""
    ends = [(_number(t.low), _number(t.high), _number(t.truth)) for t in judged if t.low is not None]
    lengths = np.array([high - low for low, high, _ in ends])
    bounded = lengths[np.isfinite(lengths)]
    length = Measured()
    if bounded.shape[0] >= FEWEST:
        length = Measured(float(bounded.mean()), float(bounded.std(ddof=1) / np.sqrt(bounded.shape[0])))
    return {"coverage": _share([low <= truth <= high for low, high, truth in ends]), "length": length}


def _tests(made: Sequence[Trial], truths: set[float | None]) -> dict[str, Measured]:
    """Share of tests of no effect that reject: the size where there is none, else the power."""
    rejected = _share([trial.p_value < SIGNIFICANT for trial in made if trial.p_value is not None])
    null = truths == {0.0}
    return {"size": rejected if null else Measured(), "power": Measured() if null else rejected}


def _share(hits: Sequence[bool]) -> Measured:
    if not hits:
        return Measured()
    share = sum(hits) / len(hits)
    return Measured(share, float(np.sqrt(share * (1.0 - share) / len(hits))))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
