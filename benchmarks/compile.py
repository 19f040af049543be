"""What each kernel takes to compile once, from an empty cache.

::

    python benchmarks/compile.py

One process compiles what ``estimand warmup`` does, with a cache folder of its own that is empty at the start, and a
second one runs the same from the cache that the first left. A kernel is one function, compiled and kept for itself:
its own seconds leave out those of the kernels it calls, which are beside them. One that is met with other types is
compiled again, and stands there as often. Seconds are the processor's, which other work beside does not move. Written
to ``compile.csv`` beside this file.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RESULT = Path(__file__).with_suffix(".csv")
INSIDE = "--inside"


def inside() -> None:
    """Warm up in this process, and print the seconds of every kernel and of the whole."""
    from numba.core import event

    from estimand.core.run import Run
    from estimand.study.warmup import warm_up

    under_way: list[list[float]] = []
    kernels: list[tuple[str, float, float]] = []

    class Listener(event.Listener):
        """Takes the seconds of what is compiled within a kernel off those of the kernel."""

        def on_start(self, event: event.Event) -> None:
            under_way.append([time.process_time(), 0.0])

        def on_end(self, event: event.Event) -> None:
            started, within = under_way.pop()
            took = time.process_time() - started
            function = event.data["dispatcher"].py_func
            # The compiler's own functions count with the kernel that asked for them.
            if not function.__module__.startswith("estimand"):
                return
            if under_way:
                under_way[-1][1] += took
            kernels.append((f"{function.__module__}.{function.__qualname__}", took - within, took))

    event.register("numba:compile", Listener())
    started = time.process_time()
    work = warm_up(Run())
    print(json.dumps({"kernels": kernels, "work": work, "whole": time.process_time() - started}))


def once(folder: str) -> dict[str, Any]:
    """Warm up in a process of its own, whose cache is that folder."""
    command = [sys.executable, __file__, INSIDE]
    environment = os.environ | {"NUMBA_CACHE_DIR": folder}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Compile from nothing, run again from the cache, and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = once(folder), once(folder)
    rows: list[list[object]] = []
    kernels = sorted(cold["kernels"], key=lambda kernel: -kernel[1])
    rows += [["kernel", name, f"{own:.2f}", f"{took:.2f}", ""] for name, own, took in kernels]
    rows += [["work", name, "", f"{took:.2f}", f"{warm['work'][name]:.2f}"] for name, took in cold["work"].items()]
    rows.append(["whole", "estimand warmup", "", f"{cold['whole']:.2f}", f"{warm['whole']:.2f}"])
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([["kind", "name", "own_seconds", "seconds", "seconds_from_a_full_cache"], *rows])
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    inside() if INSIDE in sys.argv else main()
