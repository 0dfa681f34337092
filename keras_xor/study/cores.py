"""Train chunks in parallel: on all cores, or by an executor."""

import concurrent.futures
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from keras_xor.runtime import held_interrupts
from keras_xor.study.chunks import Chunk, Results, train_chunk


def train_chunks(
    chunks: Sequence[Chunk],
    executor: concurrent.futures.Executor | None = None,
    report: Callable[[int], object] = lambda steps: None,
) -> Iterator[tuple[Chunk, Results]]:
    """Train chunks, and yield each with its results, in their order; Ctrl-C ends the wait at once.

    Args:
        chunks: What to train.
        executor: Trains them. The default is threads on all cores.
        report: Called, in this thread, with the number of steps done in all runs.
    """
    progress: queue.SimpleQueue[int] = queue.SimpleQueue()
    stopped = threading.Event()
    device = tf.zeros(()).device  # Threads do not inherit it.

    def train_here(chunk: Chunk) -> Results | None:
        with tf.device(device):
            return train_chunk(chunk, progress.put, stopped)

    def train_there(chunk: Chunk) -> concurrent.futures.Future:
        future = executor.submit(train_chunk, chunk)  # type: ignore[union-attr]
        future.add_done_callback(lambda _: progress.put(chunk.steps))
        return future

    pool = concurrent.futures.ThreadPoolExecutor(_count_cores())
    submit = train_there if executor else lambda chunk: pool.submit(train_here, chunk)
    futures = [submit(chunk) for chunk in chunks]
    with held_interrupts() as raise_held:
        try:
            for chunk, future in zip(chunks, futures, strict=True):
                while not future.done() or not progress.empty():
                    concurrent.futures.wait([future], timeout=0.1)
                    while not progress.empty():
                        report(progress.get())
                    raise_held()
                yield chunk, future.result()  # type: ignore[misc]
        finally:
            stopped.set()
            for future in futures:
                future.cancel()
            pool.shutdown(wait=False)


def _count_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
