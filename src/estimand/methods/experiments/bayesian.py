"""What to believe of an effect, given a stated prior."""

from dataclasses import replace
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.method import IN_EVERY_WAY, Detail, Method, method
from estimand.core.metric import MEANS
from estimand.core.uncertainty import POSTERIOR, Normal
from estimand.errors import DesignError
from estimand.methods.experiments.fixed import covariance, read_once
from estimand.stats.posterior import normal_posterior


@method(
    "bayesian",
    designs=(Experiment,),
    references=(
        "Deng 2015, doi:10.1145/2740908.2742563",
        "Gelman, Carlin, Stern, Dunson, Vehtari & Rubin 2013, doi:10.1201/b16018",
    ),
    inference="set",
    invariances=IN_EVERY_WAY,
    reads_moments=True,
    needs_metrics=True,
    metrics=(*MEANS, "ratio"),
    details=(
        Detail("chance_to_beat", "(k,)", "probability that the arm is better than control"),
        Detail("expected_loss", "(k,)", "unit of the value; by choosing the arm, where control is better"),
        Detail("expected_loss_of_control", "(k,)", "unit of the value; by keeping control, where the arm is better"),
        Detail("prior", "mapping", "mean, sd and unit of the normal prior"),
        Detail("likelihood", "(k, 2)", "estimate and standard error without the prior"),
    ),
    why_not="It reads the likelihood of an estimate; draw for difference.",
)
class Bayesian(Method):
    r"""Posterior of the difference of each arm's level from control's, under a normal prior.

    Estimand: E[Y(a)] - E[Y(0)], or of ratios of means, or with ``relative`` that difference as a share of control's
    level. The value is the posterior mean and the interval is credible: given the prior, the effect is in it with that
    probability. It is no p-value, and no correction for several metrics or looks applies to it.

    The likelihood is normal around ``difference``, or ``cuped`` with ``adjust``, and the prior of each arm's effect is
    normal, independent of the others': the posterior precision is the sum of both. "Better" is by the metric's
    direction. The expected loss of choosing the arm is :math:`E[\max(-\delta, 0)]`.

    Variance: of the posterior, :math:`(P^{-1} + V^{-1})^{-1}`, with V the covariance of the differences as known.

    Parameters
    ----------
    prior_mean : float
        In the unit of the value.
    prior_sd : float, optional
        In the unit of the value: how large effects usually are. Without it the prior is flat, and the posterior is the
        likelihood.
    relative : bool
        Whether value and prior are shares of control's level.
    adjust : bool
        Whether the metric before the experiment and the design's strata sharpen the answer, where there are any.
    """

    prior_mean: float = 0.0
    prior_sd: float | None = Field(default=None, gt=0)
    relative: bool = False
    adjust: bool = True

    @model_validator(mode="after")
    def _a_mean_has_a_spread(self) -> Self:
        if self.prior_mean != 0.0 and self.prior_sd is None:
            raise DesignError(
                f"A prior mean of {self.prior_mean:g} without prior_sd says nothing.",
                remedy="Give prior_sd, or leave prior_mean out.",
                found=self.prior_mean,
            )
        return self

    def estimate(self, case: Case) -> Estimate:
        """Update the prior by the moments of the case's metric."""
        plain = read_once(case, self, adjust=self.adjust)
        once = plain.relative() if self.relative else plain
        spread = covariance(once)
        sd = np.inf if self.prior_sd is None else self.prior_sd
        posterior = normal_posterior(once.value, spread, self.prior_mean, sd)
        wanted = posterior.mirrored() if case.metric is not None and case.metric.direction == "decrease" else posterior
        return replace(
            once,
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            value=posterior.mean,
            uncertainty=Normal(posterior.vcov, None, "identity", POSTERIOR),
            inference=self.spec.inference,
            baseline=None,
            influence=None,
            details=FrozenMap(
                {
                    "chance_to_beat": wanted.chance_above(),
                    "expected_loss": wanted.expected_shortfall(),
                    "expected_loss_of_control": wanted.mirrored().expected_shortfall(),
                    "prior": {
                        "mean": self.prior_mean,
                        "sd": self.prior_sd,
                        "unit": "share of control" if self.relative else "metric",
                    },
                    "likelihood": np.stack([once.value, np.sqrt(np.diag(spread))], axis=1),
                }
            ),
            findings=(*once.findings, *self._flat(case.outcome)),
        )

    def _flat(self, outcome: str) -> tuple[Finding, ...]:
        if self.prior_sd is not None:
            return ()
        return (
            Finding(
                check="bayesian.flat_prior",
                about=self.spec.key,
                grade=Grade.NOTE,
                subject=outcome,
                message="No prior is stated, so every effect counts as equally likely beforehand, however large: the "
                "chance to beat control is one less the one-sided p-value.",
                remedy="Give prior_sd from past experiments.",
            ),
        )
