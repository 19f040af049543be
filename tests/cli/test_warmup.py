"""`estimand warmup` compiles every kind of kernel."""

import json

import pytest

from estimand.study.warmup import WORK
from tests.cli.in_process import command_of


def test_it_tells_the_seconds_of_every_kind_of_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = command_of(capsys, monkeypatch)("warmup", "--json")
    assert ended.status == 0
    told = json.loads(ended.out)
    assert list(told) == list(WORK)
    assert all(taken > 0.0 for taken in told.values())
