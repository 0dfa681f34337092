"""Train groups of runs on a Dask cluster."""

import contextlib
import functools
import importlib.metadata
import pickle
import threading
import time

import keras
import numpy as np
import tensorflow as tf

from keras_xor.checks import KerasXorError
from keras_xor.runtime import held_interrupts
from keras_xor.study.groups import train_group

_PATIENCE = 10  # Seconds to wait for the scheduler, or for a worker when there is none


def on_cluster(scheduler, groups, done, progressed):
    """Train groups on the workers of a cluster, and wait for them; Ctrl-C ends the wait at once.

    Args:
        scheduler: The address of a Dask scheduler, such as "tcp://127.0.0.1:8786".
        groups: List of `Group`s.
        done: What to call with the number of a group and its rows.
        progressed: What to call with the number of steps done in all runs.

    Raises:
        KerasXorError: there is no such scheduler, or no worker; or a worker has no keras_xor, or
            another version of it or of what it uses.
    """
    with _connected(scheduler) as client, held_interrupts() as raise_held:
        futures = {client.submit(*task): number for number, task in enumerate(_tasks(groups))}
        patience = _Patience(client, scheduler)
        while futures:
            for future in [future for future in futures if future.done()]:
                number = futures.pop(future)
                done(number, _result(future))
                progressed(groups[number].steps_of_all)
            raise_held()
            patience.check()
            time.sleep(0.05)


class _Patience:
    """Waits for a cluster without workers, but not for ever."""

    def __init__(self, client, scheduler):
        self._client, self._scheduler = client, scheduler
        self._seen = self._asked = time.monotonic()

    def check(self):
        """Raise `KerasXorError` if the scheduler is gone, or has had no workers for long."""
        if self._client.status != "running":
            raise KerasXorError(f"the scheduler {self._scheduler} is gone: start it again")
        now = time.monotonic()
        if now < self._asked + 1:  # It takes a moment.
            return
        self._asked = now
        if self._client.nthreads():
            self._seen = now
        elif now > self._seen + _PATIENCE:
            raise KerasXorError(
                f"the scheduler {self._scheduler} has no workers: start some with dask worker "
                f"{self._scheduler}"
            )


def _tasks(groups):
    """A function and its argument for each group, to be pickled by Dask."""

    def call(pickled):  # Defined here, it is pickled by value: a worker may not have keras_xor.
        import pickle

        function, *arguments = pickle.loads(pickled)
        return function(*arguments)

    dumps, versions = functools.cache(pickle.dumps), _versions()
    for group in groups:
        try:
            model = dumps(group.model)
        except Exception as error:  # A model may hold anything.
            raise KerasXorError(f"this model cannot be sent to a cluster: {error}") from error
        yield call, pickle.dumps((train_remotely, versions, group._replace(model=None), model))


@contextlib.contextmanager
def _connected(scheduler):
    try:
        import distributed
    except ImportError:
        raise KerasXorError(
            'a cluster needs Dask, which is not installed: run pip install -e ".[cluster]"'
        ) from None
    try:
        client = distributed.Client(scheduler, timeout=_PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise KerasXorError(
            f"no scheduler at {scheduler} ({type(error).__name__}): start one with dask scheduler"
        ) from error
    try:
        yield client
    finally:
        client.close()  # The scheduler forgets what it was to do for this client.


def _result(future):
    try:
        return future.result()
    except KerasXorError:
        raise
    except Exception as error:
        reasons = [error]
        while reason := reasons[-1].__cause__:
            reasons.append(reason)
        raise KerasXorError(
            "a worker failed: look at its log, and install the same versions there as here. "
            f"{'; '.join(f'{type(reason).__name__}: {reason}' for reason in reasons)}"
        ) from error


def _versions():
    imported = {"tensorflow": tf, "keras": keras, "numpy": np}
    versions = {name: package.__version__ for name, package in imported.items()}
    return versions | {"keras_xor": importlib.metadata.version("keras_xor")}


def train_remotely(versions, group, model):
    """Train a group in a worker.

    Args:
        versions: Dict of the versions that the worker must have, by package.
        group: The `Group`, without its model.
        model: The model or `None`, pickled.

    Returns:
        The rows of the group.

    Raises:
        KerasXorError: the worker has another version.
    """
    for name, version in _versions().items():
        if version != versions[name]:
            raise KerasXorError(
                f"a worker has {name} {version}, not {versions[name]}: install the same there"
            )
    return train_group(group._replace(model=_model(model)), lambda steps: None, threading.Event())


@functools.lru_cache(maxsize=8)
def _model(pickled):
    return pickle.loads(pickled)
