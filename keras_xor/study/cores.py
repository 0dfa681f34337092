"""Train chunks side by side: on all cores, or by an executor."""

import concurrent.futures
import os
import queue
import threading

import tensorflow as tf

from keras_xor.runtime import held_interrupts
from keras_xor.study.chunks import train_chunk


def finished(chunks, executor=None, progressed=lambda steps: None):
    """Train chunks, and yield each with its results, in their order; Ctrl-C ends the wait at once.

    Args:
        chunks: List of `Chunk`s.
        executor: A `concurrent.futures.Executor`. Defaults to `None`: threads on all cores.
        progressed: What to call, in this thread, with the number of steps done in all runs.
    """
    progress, stopped = queue.SimpleQueue(), threading.Event()
    device = tf.zeros(()).device  # Threads do not inherit it.

    def train_here(chunk):
        with tf.device(device):
            return train_chunk(chunk, progress.put, stopped)

    def train_there(chunk):
        future = executor.submit(train_chunk, chunk)
        future.add_done_callback(lambda _: progress.put(chunk.steps))
        return future

    pool = concurrent.futures.ThreadPoolExecutor(_cores())
    submit = train_there if executor else lambda chunk: pool.submit(train_here, chunk)
    futures = [submit(chunk) for chunk in chunks]
    with held_interrupts() as raise_held:
        try:
            for chunk, future in zip(chunks, futures, strict=True):
                while not future.done() or not progress.empty():
                    concurrent.futures.wait([future], timeout=0.1)
                    while not progress.empty():
                        progressed(progress.get())
                    raise_held()
                yield chunk, future.result()
        finally:
            stopped.set()
            for future in futures:
                future.cancel()
            pool.shutdown(wait=False)


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
