"""Metrics as the command line writes them: ``spend@spend_before:revenue:increase``."""

from collections.abc import Mapping
from typing import Any, get_args

from estimand.core.metric import Kind
from estimand.errors import DesignError

KINDS = get_args(Kind)
DIRECTIONS = ("increase", "decrease", "none")


def read_columns(text: str) -> list[str]:
    """Read names that are separated by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def read_metrics(text: str, role: str = "primary") -> list[dict[str, Any]]:
    """Read metrics that are separated by commas, of one role."""
    return [read_metric(part, role) for part in read_columns(text)]


def with_metrics(design: Mapping[str, Any], measured: Mapping[str, str]) -> dict[str, Any]:
    """Add metrics to a design, from their words by role; nothing where there are none."""
    metrics = [metric for role, text in measured.items() for metric in read_metrics(text, role)]
    return dict(design) | ({"metrics": metrics} if metrics else {})


def read_metric(text: str, role: str = "primary") -> dict[str, Any]:
    """Read ``column[/denominator][@covariate][:kind][:direction][:margin]``; a margin may be a share, as ``2%``.

    Raises
    ------
    DesignError
        If a part is none of these.
    """
    if not text:
        raise DesignError("No metric is named.", remedy="Name one, such as --metric spend.")
    named, *parts = text.split(":")
    columns, _, covariate = named.partition("@")
    column, _, denominator = columns.partition("/")
    metric: dict[str, Any] = {"name": columns, "column": column, "role": role}
    metric |= {"denominator": denominator} if denominator else {}
    metric |= {"covariate": covariate} if covariate else {}
    for part in parts:
        metric |= _part(part.strip(), text)
    return metric


def _part(part: str, whole: str) -> dict[str, Any]:
    if part in KINDS:
        return {"kind": part}
    if part in DIRECTIONS:
        return {"direction": part}
    share = part.endswith("%")
    try:
        margin = float(part.rstrip("%"))
    except ValueError:
        raise DesignError(
            f"'{part}' in the metric '{whole}' is no kind, direction or margin.",
            remedy="Write column[/denominator][@covariate][:kind][:direction][:margin], as in latency:decrease:2%.",
            found=part,
        ) from None
    return {"margin": margin / 100.0, "margin_kind": "relative"} if share else {"margin": margin}


def read_arms(text: str) -> dict[str, float]:
    """Read arms and their shares, ``A=0.8,B=0.2``; equal where no share is given.

    Raises
    ------
    DesignError
        If a share is no number.
    """
    found: dict[str, float] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        arm, _, share = part.partition("=")
        try:
            found[arm.strip()] = float(share) if share else 1.0
        except ValueError:
            raise DesignError(
                f"The share of arm '{arm}' is '{share}', which is no number.", remedy="Write A=0.8,B=0.2.", found=share
            ) from None
    return found
