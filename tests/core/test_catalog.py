"""Catalogs list keys without importing what they name."""

import subprocess
import sys
from pathlib import Path

import pytest

from estimand.core.catalog import keys, resolve
from estimand.errors import Code, DesignError

GROUPS = ("methods", "checks", "figures", "learners")
LISTED = """
import sys
sys.path.append(sys.argv[1])
from estimand.core.catalog import keys, resolve
print(",".join(keys("learners")), resolve("learners", "linear").__module__)
"""


@pytest.mark.parametrize("group", GROUPS)
def test_every_catalog_has_keys_each_once(group: str) -> None:
    found = keys(group)
    assert found
    assert len(set(found)) == len(found)


def test_an_unknown_key_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(DesignError, match=r"There is no method 'aipv'\. Did you mean 'aipw'\?") as caught:
        resolve("methods", "aipv")
    assert caught.value.code is Code.UNSUPPORTED
    assert "aipw" in caught.value.expected
    with pytest.raises(DesignError, match=r"There is no learner 'bosting'\. Did you mean 'boosting'\?"):
        resolve("learners", "bosting")
    with pytest.raises(DesignError, match="Known: "):
        resolve("figures", "zzzzzz")


def test_a_third_party_adds_keys_after_ours_and_cannot_replace_one(tmp_path: Path) -> None:
    card = tmp_path / "other-1.0.dist-info"
    card.mkdir()
    (card / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (card / "entry_points.txt").write_text("[estimand.learners]\nzebra = other:Z\nape = other:A\nlinear = other:L\n")
    out = subprocess.run(
        [sys.executable, "-c", LISTED, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout.strip()
    listed, module = out.split(" ")
    assert listed.split(",") == [*keys("learners"), "ape", "zebra"]
    assert module.startswith("estimand.")
