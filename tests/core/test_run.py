"""A run: streams decided by seed and key, batches in order, cancelling."""

import time
from threading import Event, Lock

import numpy as np
import pytest

from estimand.core.question import Target
from estimand.core.run import Run
from estimand.errors import DataError, EstimandError


def test_a_stream_depends_on_seed_and_key_and_not_on_the_order_of_asking() -> None:
    run = Run(seed=7)
    first = run.rng("folds", 1).normal(size=3)
    run.rng("something else").normal(size=100)
    again = Run(seed=7, threads=2).rng("folds", 1).normal(size=3)
    assert first.tolist() == again.tolist()


def test_streams_of_different_seeds_and_keys_differ() -> None:
    keys = [(), ("a",), ("b",), ("a", "b"), ("ab",), ("a", 1), ("a", "1"), ("a", 1, 2), ("a", 12)]
    draws = [Run(seed).seed_for(*key) for seed in (0, 1) for key in keys]
    assert len(set(draws)) == len(draws)
    assert all(0 <= draw < 2**31 for draw in draws)


def test_a_key_counts_by_its_value_and_not_by_its_type() -> None:
    assert Run().seed_for("fold", 3) == Run().seed_for("fold", np.int64(3))
    assert Run(seed=3).seed_for("fold") == Run(seed=np.int64(3)).seed_for("fold")
    assert Run().seed_for("ATE") == Run().seed_for(Target.ATE) == Run().seed_for(np.str_("ATE"))
    with pytest.raises(TypeError):
        Run().rng("share", 0.5)


def test_the_stream_of_a_key_is_pinned() -> None:
    assert Run(seed=0).seed_for("anchor", 1) == 22933161


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_batches_whichever_ends_first(threads: int) -> None:
    def slow(batch: int) -> int:
        time.sleep(0.002 * (8 - batch))
        return batch * batch

    assert Run(threads=threads).map(slow, range(8)) == [j * j for j in range(8)]
    assert Run(threads=threads).map(slow, []) == []
    assert Run(threads=threads).map(slow, iter([3])) == [9]


@pytest.mark.parametrize("threads", [1, 3])
def test_streams_inside_batches_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    run = Run(seed=5, threads=threads)
    draws = run.map(lambda batch: run.rng("batch", batch).normal(), range(6))
    assert draws == [Run(seed=5).rng("batch", j).normal() for j in range(6)]


@pytest.mark.parametrize("threads", [1, 3])
def test_every_batch_is_reported_once(threads: int) -> None:
    heard, lock = [], Lock()

    def report(label: str, done: int, total: int) -> None:
        with lock:
            heard.append((label, done, total))

    Run(threads=threads, report=report).map(lambda x: x, range(4), label="trees")
    assert sorted(heard) == [("trees", j, 4) for j in (1, 2, 3, 4)]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_cancelled_run_stops_before_its_next_batch(threads: int) -> None:
    cancelled, worked = Event(), []

    def work(batch: int) -> int:
        worked.append(batch)
        cancelled.set()
        return batch

    with pytest.raises(EstimandError, match="cancelled"):
        Run(threads=threads, cancelled=cancelled).map(work, range(50))
    assert len(worked) <= threads


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_batch_reaches_the_caller(threads: int) -> None:
    def fail(batch: int) -> int:
        raise DataError(f"Batch {batch} is empty.", remedy="Fill it.")

    with pytest.raises(DataError, match="Batch 0 is empty"):
        Run(threads=threads).map(fail, range(3))
