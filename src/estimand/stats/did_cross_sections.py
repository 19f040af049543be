"""Effect on one cohort from repeated cross-sections: other units before than after.

Sant'Anna & Zhao (2020), doi:10.1016/j.jeconom.2020.06.003, equations 2.2, 2.3 and 3.4: the doubly robust form is the
locally efficient one, with an outcome regression in each group and period. All of them take who belongs to a group
to be alike in both periods.

A least-squares line with an intercept leaves no mean residual where it was fitted, so that the efficient estimator is
the treated's mean of the four lines' difference in differences, less that of the compared's weighted residuals.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from estimand.stats.arrays import Bools, Floats
from estimand.stats.did_scores import Estimator, Group, Obstacle, Odds, Scores, inverted, propensity, spanning, usable

SIGNS = (1.0, -1.0, -1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """Rows of one group in one period.

    Attributes
    ----------
    outcome : ndarray of shape (n,)
    group : Group
    """

    outcome: Floats
    group: Group

    def among(self, kept: Bools) -> "Section":
        """Keep some of the columns."""
        return Section(self.outcome, self.group.among(kept))


Sections: TypeAlias = tuple[Section, Section, Section, Section]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Least squares within a section: slopes (q,) and the inverse of the cross-products (q, q)."""

    slopes: Floats
    inverse: Floats

    def left(self, section: Section) -> Floats:
        """Residuals, shape (n,)."""
        return np.asarray(section.outcome - self.slopes @ section.group.columns)

    def carried(self, section: Section, moved: Floats) -> Floats:
        """Contributions of the section to what moves with the slopes by ``moved`` (q,), shape (n,)."""
        reach = moved @ self.inverse @ section.group.columns
        return np.asarray(section.group.weights * self.left(section) * reach)


def level_scores(sections: Sections, estimator: Estimator) -> Scores | Obstacle:
    """Effect from levels.

    Parameters
    ----------
    sections : tuple of four Section
        Treated after, treated before, compared after, compared before; contributions run over them in this order.
    estimator : "dr" | "ipw" | "or"
    """
    sides = joined(sections[0].group, sections[1].group), joined(sections[2].group, sections[3].group)
    kept = usable(*sides, estimator)
    if isinstance(kept, str):
        return kept
    treated, compared = sides[0].among(kept), sides[1].among(kept)
    sections = (sections[0].among(kept), sections[1].among(kept), sections[2].among(kept), sections[3].among(kept))
    obstacle = _thin(sections, estimator)
    if obstacle is not None:
        return obstacle
    odds = None if estimator == "or" else propensity(treated, compared)
    if isinstance(odds, str):
        return odds
    lines = [_line(part, needed) for part, needed in zip(sections, _needed(estimator), strict=True)]
    parts = [np.zeros(section.group.size) for section in sections]
    value = _through_lines(parts, sections, lines, treated)
    if estimator != "dr":
        value += _plain(parts, sections)
    if odds is not None:
        value += _weighted(parts, sections, lines, (treated, compared), odds)
    own, other = np.concatenate(parts[:2]), np.concatenate(parts[2:])
    return Scores(np.array([value]), own[None, :], other[None, :])


def joined(after: Group, before: Group) -> Group:
    """Rows of one side, those after first."""
    columns = np.concatenate([after.columns, before.columns], axis=1)
    return Group(columns, np.concatenate([after.weights, before.weights]))


def _needed(estimator: Estimator) -> tuple[bool, bool, bool, bool]:
    """Which sections have an outcome regression."""
    return (estimator == "dr",) * 2 + (estimator != "ipw",) * 2


def _thin(sections: Sections, estimator: Estimator) -> Obstacle | None:
    """Say which section cannot carry its mean or its line."""
    sides: tuple[Obstacle, ...] = ("too few treated", "too few treated", "too few compared", "too few compared")
    for section, needed, few in zip(sections, _needed(estimator), sides, strict=True):
        group = section.group
        if group.size < (group.columns.shape[0] if needed else 1):
            return few
        if needed and not spanning(group.gram()).all():
            return "covariates apart"
    return None


def _line(section: Section, needed: bool) -> Line | None:
    if not needed:
        return None
    group = section.group
    inverse = inverted(group.gram())
    return Line(inverse @ (group.columns @ (group.weights * section.outcome)), inverse)


def _through_lines(parts: list[Floats], sections: Sections, lines: list[Line | None], treated: Group) -> float:
    """Mean over the treated of what the lines say changed, added to the contributions."""
    fitted = [line.slopes * sign for line, sign in zip(lines, SIGNS, strict=True) if line is not None]
    if not fitted:
        return 0.0
    share = treated.weights / treated.weights.sum()
    change = np.sum(fitted, axis=0) @ treated.columns
    mean = float(share @ change)
    cut = sections[0].group.size
    parts[0] += (share * (change - mean))[:cut]
    parts[1] += (share * (change - mean))[cut:]
    centre = treated.columns @ share
    for j, line in enumerate(lines):
        if line is not None:
            parts[j] += SIGNS[j] * line.carried(sections[j], centre)
    return mean


def _plain(parts: list[Floats], sections: Sections) -> float:
    """Change of the treated's weighted means."""
    value = 0.0
    for j in (0, 1):
        share = sections[j].group.weights / sections[j].group.weights.sum()
        mean = float(share @ sections[j].outcome)
        parts[j] += SIGNS[j] * share * (sections[j].outcome - mean)
        value += SIGNS[j] * mean
    return value


def _weighted(
    parts: list[Floats], sections: Sections, lines: list[Line | None], sides: tuple[Group, Group], odds: Odds
) -> float:
    """Change, with its sign, of the compared's outcomes or residuals, weighted to be like the treated."""
    treated, compared = sides
    cut = sections[2].group.size
    chance = odds.compared[:cut], odds.compared[cut:]
    value, steep = 0.0, np.zeros(compared.columns.shape[0])
    for j in (2, 3):
        group, line = sections[j].group, lines[j]
        left = sections[j].outcome if line is None else line.left(sections[j])
        share = group.weights * chance[j - 2] / (1.0 - chance[j - 2])
        share /= share.sum()
        mean = float(share @ left)
        moment = share * (left - mean)
        parts[j] += SIGNS[j] * moment
        if line is not None:
            parts[j] -= SIGNS[j] * line.carried(sections[j], group.columns @ share)
        steep += SIGNS[j] * (group.columns @ moment)
        value += SIGNS[j] * mean
    if compared.columns.shape[0] > 1:
        through = steep @ odds.inverse
        own = (through @ treated.columns) * treated.weights * (1.0 - odds.treated)
        other = -(through @ compared.columns) * compared.weights * odds.compared
        split = np.split(own, [sections[0].group.size]) + np.split(other, [cut])
        for j in range(4):
            parts[j] += split[j]
    return value
