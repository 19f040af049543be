"""Damaged files and damaged studies, the same ones for the same seed."""

import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

DESIGN: dict[str, Any] = {
    "kind": "observational",
    "treatment": "treated",
    "outcome": "sales",
    "covariates": ["age", "region"],
    "unit": "id",
}
STUDY: dict[str, Any] = {
    "question": "Did it sell more?",
    "data": "good.csv",
    "design": {**DESIGN, "roles": {"post_treatment": ["clicks"]}, "missing": "complete_case", "cluster": "region"},
    "methods": ["difference", {"method": "regression", "id": "adjusted"}, "ipw"],
    "options": {"ipw": {"target": "ATT"}},
    "headline": "adjusted",
    "target": "ATE",
    "seed": 0,
    "level": 0.95,
}
WORDS = (
    "", " ", "\0", "\ufeff", "é", "東京", "🙂", "a" * 300, "\u202etxt", "x\ny", "'", '"', "\\", "{", "}", "%s", "{0}",
    "nan", "inf", "-1", "1e309", "1e-320", "0x10", "1_000", "true", "no", "null", "~", "2024-02-30", "2024-01-01",
    "12:34:56", "../..", "/", ".", "~nobody/x.csv", "duckdb://", "duckdb://a?table=b", "aipw", "all", "ATT", "treated",
    "sales", "age", "region", "id", "clicks", "good.csv", "good.parquet", "outreach", "(missing)", "١٢٣", "½", "１",
    "−1", "=1+1", "<b>",
)  # fmt: skip
SENSIBLE: dict[str, tuple[Any, ...]] = {
    "kind": ("experiment", "observational"),
    "missing": ("impute+indicator", "complete_case"),
    "covariates": (["age"], ["region"], [], ["age", "clicks"], "age"),
    "outcome": ("clicks", ["sales", "clicks"], "age"),
    "treatment": ("region", "clicks"),
    "cluster": ("clicks", None, "age"),
    "unit": (None, "id"),
    "roles": ({}, {"post_treatment": "age", "timestamp": "clicks"}),
    "methods": ("difference", ["regression"], [{"method": "ipw", "target": "ATO"}, "difference"]),
    "options": ({}, {"difference": {}}),
    "headline": (None, "ipw"),
    "target": ("ATT", "ATC", None, "ATO"),
    "level": (0.9, 0.5),
    "seed": (7, 10**12),
    "data": ("good.parquet",),
    "question": ({"text": "?"}, {"text": "?", "target": "ATT", "unit": "share"}),
}
NUMBERS = (0, 1, -1, 2, 3, 0.5, 1e-300, 1e300, 2**31, 2**63, 2**64, 10**30, -(10**30), float("nan"), float("inf"))


def table(rows: int = 24) -> pd.DataFrame:
    """A good table."""
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "treated": [0, 1] * (rows // 2),
            "sales": rng.standard_normal(rows).round(3),
            "age": rng.integers(20, 60, rows),
            "region": rng.choice(["nord", "süd", "ouest"], rows),
            "clicks": rng.integers(0, 9, rows),
        }
    )


def good_files(folder: Path) -> dict[str, bytes]:
    """The same good table as a file of every kind, by ending."""
    frame = table()
    text = frame.to_csv(index=False)
    parquet, excel, stata = io.BytesIO(), io.BytesIO(), io.BytesIO()
    frame.to_parquet(parquet)
    frame.to_excel(excel, index=False)
    frame.to_stata(stata, write_index=False)
    with duckdb.connect(folder / "good.duckdb") as connection:
        connection.register("frame", frame)
        connection.execute("CREATE TABLE t AS SELECT * FROM frame")
    return {
        "utf8.csv": text.encode(),
        "utf16.csv": text.encode("utf-16"),
        "latin.csv": text.encode("latin-1"),
        "german.csv": frame.to_csv(index=False, sep=";", decimal=",").encode("cp1252"),
        "japanese.csv": text.replace("süd", "東京").encode("cp932"),
        "tabs.tsv": frame.to_csv(index=False, sep="\t").encode(),
        "packed.csv.gz": gzip.compress(text.encode(), mtime=0),
        "t.parquet": parquet.getvalue(),
        "t.xlsx": excel.getvalue(),
        "t.dta": stata.getvalue(),
        "t.jsonl": frame.to_json(orient="records", lines=True).encode(),
        "t.duckdb": (folder / "good.duckdb").read_bytes(),
    }


# Files


def damaged_file(seed: int, good: dict[str, bytes]) -> tuple[str, bytes]:
    """A file that is wrong in one of many ways: its ending, and its content."""
    rng = random.Random(f"file {seed}")
    likely = [name for name in good if name not in {"t.xlsx", "t.dta", "t.duckdb"}]
    name = rng.choice(likely if rng.random() < 0.85 else list(good))
    if rng.random() < 0.35:
        return f"shape{rng.choice(['.csv', '.tsv', '.txt'])}", _random_table(rng)
    content = rng.choice(FILE_CHANGES)(rng, good[name])
    for _ in range(rng.choice([0, 0, 1, 3])):
        content = rng.choice(FILE_CHANGES)(rng, content)
    return name, content


def _flip(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 40])):
        if changed:
            changed[rng.randrange(len(changed))] = rng.choice([rng.randrange(256), 0, 255, 10, 34, 44, 48, 49])
    return bytes(changed)


def _truncate(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _behead(rng: random.Random, content: bytes) -> bytes:
    return content[rng.randrange(len(content) + 1) :]


def _insert(rng: random.Random, content: bytes) -> bytes:
    place = rng.randrange(len(content) + 1)
    piece = rng.choice([rng.randbytes(rng.choice([1, 3, 50])), rng.choice(WORDS).encode(), b",", b'"', b"\n", b"\r"])
    return content[:place] + piece + content[place:]


def _repeat(rng: random.Random, content: bytes) -> bytes:
    first, last = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:last] + content[first:last] * rng.choice([1, 2]) + content[last:]


def _noise(rng: random.Random, content: bytes) -> bytes:
    return rng.randbytes(rng.choice([0, 1, 7, 100, 3000]))


FILE_CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip, _flip, _truncate, _behead, _insert, _insert, _repeat, _noise,
)  # fmt: skip


def _random_table(rng: random.Random) -> bytes:
    """A text table of any shape under the good table's names, or near them."""
    delimiter = rng.choice([",", ",", ";", "\t", "|", " "])
    names = [*table(2).columns]
    rng.shuffle(names)
    names += rng.choices([*names, *WORDS], k=rng.choice([0, 0, 0, 1, 2]))
    kinds = [rng.choice(COLUMNS) for _ in names]
    rows = [[kind(rng) for kind in kinds] for _ in range(rng.choice([0, 1, 2, 3, 8, 24, 60]))]
    if rows and rng.random() < 0.2:
        rng.choice(rows).append("more")
    lines = [delimiter.join(row) for row in [names, *rows]]
    text = rng.choice(["\n", "\r\n", "\n", "\r"]).join(lines) + rng.choice(["", "\n", "\n\n"])
    return text.encode(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp932", "latin-1"]), "replace")


COLUMNS: tuple[Callable[[random.Random], str], ...] = (
    lambda rng: str(rng.randrange(2)),
    lambda rng: str(rng.randrange(2)),
    lambda rng: str(rng.randrange(10**6)),
    lambda rng: f"{rng.gauss(0, 1):.3f}",
    lambda rng: f"{rng.gauss(0, 1):.3f}".replace(".", ","),
    lambda rng: rng.choice(["", "NA", "1", "2.5", "x"]),
    lambda rng: rng.choice(["true", "false"]),
    lambda rng: f"2024-0{rng.randrange(1, 10)}-1{rng.randrange(10)}",
    lambda rng: rng.choice(WORDS),
    lambda rng: rng.choice(["inf", "-inf", "1e308", "-1e308", "0"]),
    lambda rng: "7",
    lambda rng: "",
)


# Studies


def damaged_study(seed: int) -> dict[Any, Any]:
    """A study's mapping with a few of its values, names or branches replaced."""
    rng = random.Random(f"study {seed}")
    study = copied(STUDY)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        place = study
        while (inner := [value for value in _values(place) if isinstance(value, dict | list)]) and rng.random() < 0.7:
            place = rng.choice(inner)
        damage(rng, place)
    return study


def damaged_text(seed: int) -> bytes:
    """A study file with bytes or lines changed."""
    rng = random.Random(f"text {seed}")
    if rng.random() < 0.5:
        lines = STUDY_TEXT.splitlines()
        for _ in range(rng.choice([1, 2, 5])):
            place = rng.randrange(len(lines))
            lines[place] = rng.choice(LINE_CHANGES)(rng, lines[place])
        return "\n".join(lines).encode("utf-8", "replace")
    content = STUDY_TEXT.encode()
    for _ in range(rng.choice([1, 2, 4])):
        content = rng.choice(FILE_CHANGES)(rng, content)
    return content


STUDY_TEXT = """\
question: Did it sell more?
data: good.csv
design:
  kind: observational
  treatment: treated
  outcome: sales
  covariates: [age, region]
  unit: id
  roles: {post_treatment: [clicks]}
methods: [difference, {method: regression, id: adjusted}]
options: {regression: {target: ATT}}
headline: adjusted
seed: 0
"""


YAML_JUNK = (
    "[" * 2000, "{a: " * 500, "&a [*a]", "!!python/object:os.system x", "!!binary aGk=", "!!set {a, b}", "? [1]",
    "2024-13-45", "0b", "0x", "1:99:99", "1" * 5000, ".nan", ".inf", "- -", "|", ">", "{[1]: 2}", "!!int x",
    "!!float z", "!!timestamp 9", "<<: [1]", "[1, 2", "@", "`", "%", "*b", "\t", "'", '"\\ud800"', "{<<: 1}",
    "!!omap [a]", "!!pairs [a]",
)  # fmt: skip
LINE_CHANGES: tuple[Callable[[random.Random, str], str], ...] = (
    lambda rng, line: "",
    lambda rng, line: f"{line}\n{line}",
    lambda rng, line: line.replace(":", "", 1),
    lambda rng, line: f"  {line}",
    lambda rng, line: f"{rng.choice(WORDS)}: {rng.choice(WORDS)}",
    lambda rng, line: f"{line.split(':')[0]}: {rng.choice(WORDS)}",
    lambda rng, line: f"{line.split(':')[0]}: {rng.choice(YAML_JUNK)}",
)


def copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: copied(inner) for name, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


def _values(place: dict[Any, Any] | list[Any]) -> list[Any]:
    return list(place.values()) if isinstance(place, dict) else place


def damage(rng: random.Random, place: dict[Any, Any] | list[Any]) -> None:
    keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
    if not keys or rng.random() < 0.2:
        if isinstance(place, dict):
            place[rng.choice([*WORDS, 1, None, 2.5, True, *STUDY, *DESIGN, "weights", "control", "gates", "id"])] = (
                _junk(rng)
            )
        else:
            place.append(_junk(rng))
        return
    key = rng.choice(keys)
    if key in SENSIBLE and rng.random() < 0.6:
        place[key] = copied(rng.choice(SENSIBLE[key]))
    elif rng.random() < 0.25:
        del place[key]
    else:
        place[key] = _junk(rng)


def _junk(rng: random.Random, depth: int = 0) -> Any:
    kinds = [
        lambda: rng.choice(WORDS),
        lambda: rng.choice(WORDS),
        lambda: rng.choice(NUMBERS),
        lambda: None,
        lambda: True,
    ]
    if depth < 3:
        kinds += [
            lambda: [_junk(rng, depth + 1) for _ in range(rng.randrange(4))],
            lambda: {rng.choice(WORDS): _junk(rng, depth + 1) for _ in range(rng.randrange(4))},
            lambda: (_junk(rng, depth + 1),),
        ]
    kinds += [
        lambda: b"bytes",
        lambda: {1, 2},
        object,
        lambda: np.float64("nan"),
        lambda: np.arange(3),
        lambda: table(4),
    ]
    return rng.choice(kinds)()
