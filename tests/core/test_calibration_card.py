"""What was measured of a method, as its manual and a report say it."""

import pytest

from estimand.core import calibration
from estimand.core.calibration import Cell, Measured, card
from estimand.core.frozen import FrozenMap

NOTHING = FrozenMap({name: Measured() for name in calibration.NUMBERS})


def cell(setting: str, world: str, coverage: float | None, options: dict[str, object], target: str = "ATE") -> Cell:
    numbers = FrozenMap({**NOTHING, "coverage": Measured(coverage, 0.007), "bias": Measured(0.01, 0.001)})
    method = setting.partition("_")[0]
    ruling = "refused" if coverage is None else "pass" if coverage > 0.92 else "fail"
    code = "UNSUPPORTED" if coverage is None else ""
    return Cell(
        world=world,
        setting=setting,
        method=method,
        options=FrozenMap(options),
        target=target,
        truth=0.3,
        repetitions=1_000,
        numbers=numbers,
        seconds=0.1,
        ruling=ruling,
        reason="",
        code=code,
        heard=(),
        told=0,
        command=f"by {setting}",
    )


CELLS = (
    cell("ipw", "well_specified", 0.948, {}),
    cell("ipw", "weak_overlap", 0.882, {}),
    cell("ipw", "misspecified_outcome", 0.951, {}),
    cell("ipw_att", "well_specified", 0.955, {"target": "ATT"}, "ATT"),
    cell("matching", "few_clusters", None, {}, ""),
)


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "measured_methods", lambda: CELLS)


def test_a_card_says_where_it_holds_and_where_it_is_worst() -> None:
    assert card("ipw").words() == "95% intervals cover 94.8% in the well-specified world, 88.2% under weak overlap"
    assert card("ipw").lines()[1] == "weak overlap: covers 88.2% (± 0.7), bias +0.01; fails"
    assert card("ipw").command == "by ipw"


def test_options_choose_the_setting_that_was_measured_with_them() -> None:
    assert card("ipw", {"target": "ATE", "clip": None}).setting == "ipw"
    assert card("ipw", {"target": "ATT", "clip": None}).setting == "ipw_att"
    assert card("ipw", {"target": "ATC", "clip": None}) is None


def test_a_refusal_is_a_line_and_what_was_not_measured_has_no_card() -> None:
    assert card("matching").lines() == ("few clusters: unsupported",)
    assert card("matching").words() == ""
    assert card("other") is None
