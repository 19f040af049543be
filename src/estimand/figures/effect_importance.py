"""Which covariates the effect turns on."""

from collections.abc import Mapping, Sequence

from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Chart, Interval, Pane, Row
from estimand.figures.numbers import format_share
from estimand.figures.varying import ERRORS, Varying, needed, varying_of

DETAIL = "importance"
MOST = 15
ROOM = 1.05


def has_importance(record: StudyRecord) -> bool:
    """Whether an estimate says which covariates its effects turn on."""
    varying = varying_of(record)
    return varying is not None and bool(_shares(varying))


def effect_importance_figure(record: StudyRecord) -> Chart:
    """Share of each covariate in what tells effects apart, the largest first.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no estimate says which covariates its effects turn on.
    """
    varying = needed(record)
    shares = _shares(varying)
    if not shares:
        raise UnsupportedError(
            f"'{varying.estimate.id}' does not say which covariates its effects turn on.",
            remedy="Run method 'causal_forest', or one of the learners of effects.",
        )
    called = [(record.question.called(name), share) for name, share in shares]
    shown = called[:MOST]
    rows = [Row(float(j), name, format_share(share)) for j, (name, share) in enumerate(shown)]
    marks = [Interval(float(j), share, ((0.0, share),), varying.tone()) for j, (_, share) in enumerate(shown)]
    top = ROOM * max(share for _, share in shown) or 1.0
    return Chart(
        title=_title(varying, called),
        caption=_caption(varying, len(called) - len(shown)),
        alt="Share of each covariate: " + "; ".join(f"{name} {format_share(share)}" for name, share in called) + ".",
        table=Table({"covariate": [name for name, _ in shares], "share": [share for _, share in shares]}),
        panels=(Pane(marks, Axis("Share", (0.0, top), _ticks(top)), rows=rows),),
    )


def _shares(varying: Varying) -> list[tuple[str, float]]:
    held = varying.estimate.details.get(DETAIL)
    if not isinstance(held, Mapping):
        return []
    return sorted(((str(name), float(share)) for name, share in held.items()), key=lambda pair: -pair[1])


def _ticks(top: float) -> list[tuple[float, str]]:
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if top / step < 6.5)
    return [(j * step, f"{100 * j * step:g}%") for j in range(int(top / step + 1e-9) + 1)]


def _title(varying: Varying, called: Sequence[tuple[str, float]]) -> str:
    name, share = called[0]
    if share <= 0.0:
        return f"The predicted effects on {varying.outcome} turn on no covariate"
    if len(called) == 1:
        return f"{name} is the only covariate that effects on {varying.outcome} could turn on"
    second, other = called[1]
    return varying.claim(
        f"Predicted effects on {varying.outcome} turn most on {name} ({format_share(share)}), then on {second} "
        f"({format_share(other)})"
    )


def _caption(varying: Varying, hidden: int) -> str:
    # a forest, which alone has errors of single effects, counts its splits
    splits = ERRORS in varying.estimate.details
    what = "share of the trees' early splits" if splits else "mean squared change of the effects when it is shuffled"
    more = f" {hidden} more covariates are in the table." if hidden > 0 else ""
    return (
        f"{varying.source()} Each covariate's {what}, as shares of one. It says what predictions use, not what causes "
        f"effects to differ; covariates that go together share it between them.{more}"
    )
