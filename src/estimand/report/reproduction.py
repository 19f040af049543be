"""A script that runs a study again and compares, written from its record alone."""

from pprint import pformat
from typing import Any

from estimand.core.jsonable import encode
from estimand.core.record import StudyRecord

WIDTH = 100
RUNS_AGAIN = '''"""Run the study again and compare: python reproduce.py [DATA].

DATA says where the data are; by default it is looked for under its own name, here or beside this file.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import estimand as es

STUDY = {study}
DIGEST = {digest}
FINGERPRINT = {fingerprint}
VALUES = {values}
VERSIONS = {versions}
SQL = {sql}


def data():
    """Where the data are, as a study takes them."""
    named = sys.argv[1] if len(sys.argv) > 1 else STUDY["data"]
    beside = Path(__file__).parent / str(named)
    place = str(beside) if beside.is_file() and not Path(named).exists() else named
    return {{"sql": SQL, "database": place}} if SQL else place


def differences(record):
    """What is not as it was, line by line."""
    if record.data != STUDY["data"]:
        yield f"The data are called {{record.data!r}} here and were called {{STUDY['data']!r}}."
    if record.sample.fingerprint != FINGERPRINT:
        yield "The data are not the same: the fingerprint of the sample differs."
    for package, was in VERSIONS.items():
        if version(package) != was:
            yield f"{{package}} is {{version(package)}} here and was {{was}}."
    for estimate in record.estimates:
        was = VALUES.get(estimate.id, [])
        for now, before in zip(estimate.value.tolist(), was):
            if now != before:
                yield f"{{estimate.id}}: {{now!r}} here, {{before!r}} in the record."


def main():
    """Run, compare, and exit 0 where the record is the same to the last digit."""
    try:
        record = es.run(STUDY | {{"data": data()}})
    except es.EstimandError as error:
        print(error, "Say where the data are: python reproduce.py DATA", sep="\\n")
        return 2
    if record.digest() == DIGEST:
        print(f"The same record, to the last digit: {{DIGEST}}")
        return 0
    print("Not the same record.", *differences(record), sep="\\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
'''
CANNOT = '''"""This study cannot be run again from its record alone."""

raise SystemExit({message})
'''


def missing_pieces(record: StudyRecord) -> str | None:
    """Say what stands between the record and a second run; None where nothing does."""
    if record.reproducible and record.plan:
        return None
    objects = sorted({name for estimate in record.estimates for name in _objects(estimate.options)})
    if not record.plan:
        return "The record does not hold the plan of the study."
    if objects:
        return f"A Python object took part, which no file can hold: {', '.join(objects)}."
    return f"The data ('{record.data}') were a table in memory. Save it, and name the file in a study."


def reproduce_script(record: StudyRecord) -> str:
    """Write the script: it runs the study, or says what is missing."""
    lost = missing_pieces(record)
    if lost is not None:
        return CANNOT.format(message=repr(lost))
    versions = encode(record.run.get("versions", {}))
    values = {estimate.id: [row["value"] for row in estimate.summary()] for estimate in record.estimates}
    return RUNS_AGAIN.format(
        study=_literal(study_of(record)),
        digest=repr(record.digest()),
        fingerprint=repr(record.sample.fingerprint),
        values=_literal(values),
        versions=_literal(versions),
        sql=repr(record.plan.get("sql")),
    )


def study_of(record: StudyRecord) -> dict[str, Any]:
    """Return the study as a study file has it, every option written out."""
    plan = {name: encode(value) for name, value in record.plan.items() if name != "sql"}
    return {
        "question": record.question.model_dump(mode="json"),
        "data": record.data,
        "design": record.design.to_dict(),
        **plan,
        "seed": record.seed,
    }


def _literal(value: Any) -> str:
    return pformat(value, width=WIDTH, sort_dicts=False)


def _objects(options: Any) -> list[str]:
    """Names of the Python objects among a method's options."""
    texts = [item.get("name") if hasattr(item, "get") else item for item in options.values()]
    return [text.removeprefix("python:") for text in texts if isinstance(text, str) and text.startswith("python:")]
