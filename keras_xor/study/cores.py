"""Do tasks side by side on all cores."""

import concurrent.futures
import os
import queue
import threading

import tensorflow as tf

from keras_xor.runtime import held_interrupts


def _ignore(*_):
    pass


def on_all_cores(tasks, done=_ignore, progressed=_ignore):
    """Do `tasks`, one in a thread per core, and wait for them; Ctrl-C ends the wait at once.

    Args:
        tasks: Functions of `report` and `stopped`: what to call with the progress made, in any
            thread, and a `threading.Event` that tells them to return early.
        done: What to call, in this thread, with the number of a task and its result. Defaults to
            nothing.
        progressed: What to call, in this thread, with progress. Defaults to nothing.
    """
    device = tf.zeros(()).device  # Threads do not inherit it.
    progress, stopped = queue.SimpleQueue(), threading.Event()

    def start(task):
        with tf.device(device):
            return task(progress.put, stopped)

    pool = concurrent.futures.ThreadPoolExecutor(_cores())
    with held_interrupts() as raise_held:
        try:
            numbers = {pool.submit(start, task): number for number, task in enumerate(tasks)}
            unfinished = set(numbers)
            while unfinished:
                finished, unfinished = concurrent.futures.wait(unfinished, timeout=0.1)
                while not progress.empty():
                    progressed(progress.get())
                for future in finished:
                    done(numbers[future], future.result())
                raise_held()
        finally:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
