"""Fitted models in files come back as they were, and other files are refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from estimand.errors import Code, DataError
from estimand.models.stored import Form, store, stored

FORM = Form("model of tides", "tide", 2, "Tides.save")


def test_what_is_stored_comes_back(tmp_path: Path) -> None:
    store(tmp_path / "tides.bin", FORM, {"moon": "full"}, {"height": np.array([1.5, -0.0])})
    head, arrays = stored(tmp_path / "tides.bin", FORM)
    assert head == {"format": "estimand model of tides", "version": 2, "moon": "full"}
    assert arrays["height"].tobytes() == np.array([1.5, -0.0]).tobytes()


@pytest.mark.parametrize(("name", "version"), [("model of winds", 2), ("model of tides", 3)])
def test_another_form_or_version_is_refused(tmp_path: Path, name: str, version: int) -> None:
    store(tmp_path / "other.bin", Form(name, "it", version, "save"), {}, {})
    with pytest.raises(DataError, match=r"'other\.bin' holds no model of tides of version 2") as refused:
        stored(tmp_path / "other.bin", FORM)
    assert refused.value.code is Code.UNREADABLE_FILE


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", x=np.ones(2))
    (tmp_path / "text.bin").write_text(json.dumps({"moon": "full"}))
    with pytest.raises(DataError, match="holds no model of tides"):
        stored(tmp_path / "bare.npz", FORM)
    with pytest.raises(DataError, match=r"'text\.bin' could not be read as a tide"):
        stored(tmp_path / "text.bin", FORM)
