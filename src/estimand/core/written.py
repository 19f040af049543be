"""How records are hashed and written."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from estimand.core.jsonable import Json, canonical


def digest_of(record: Mapping[str, Json]) -> str:
    """Hash everything of a record but ``run``, which tells of this one run: its timings and versions."""
    body = {name: part for name, part in record.items() if name != "run"}
    return hashlib.sha256(canonical(body).encode()).hexdigest()


def write_json(path: Path, record: Mapping[str, Json]) -> Path:
    """Write a record as one JSON file, making its folder, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path
