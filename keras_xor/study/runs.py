"""Train networks with many seeds at once, to see whether a result was luck."""

import itertools
import os

import keras
import numpy as np

from keras_xor.files import load_any_model
from keras_xor.recipe import GUIDE, takes_recipe, varied_settings
from keras_xor.study.chunks import cut
from keras_xor.study.cores import finished
from keras_xor.study.network import Network, recipe_network
from keras_xor.study.rows import RowsFile
from keras_xor.study.study import Study


@takes_recipe
def seed_study(recipe=GUIDE, seeds=1_000, seed=0, **options):
    """Train the network of a recipe, or a model, with many seeds, on all cores.

    Each run of a recipe gives the same result as `build_model` and `train` with its seed, up to
    float32 rounding. A run of a model gives what Keras's `fit` gives from weights of its own:
    `keras_xor.study.initial.InitialValues` says which.

    Args:
        recipe: A `Recipe`. Defaults to the guide's. For a model, only its steps and its data are
            used.
        seeds: Number of runs. Defaults to 1000.
        seed: Whole number of at least 0 that determines the seeds of the runs.
            Defaults to 0.
        **options: See `sweep`.

    Returns:
        A `Study`.

    Raises:
        KerasXorError: see `sweep`.
    """
    return sweep([recipe], seeds, seed, **options)[0]


def sweep(
    recipes,
    seeds=1_000,
    seed=0,
    model=None,
    x=None,
    y=None,
    file=None,
    resume=False,
    verbose=0,
    executor=None,
    on_progress=None,
):
    """Study many recipes, each with the same seeds.

    Recipes that differ only in learning rate, steps, batch size and data share a program.

    Args:
        recipes: List of `Recipe`s.
        seeds: See `seed_study`.
        seed: See `seed_study`.
        model: A compiled `keras.Model`, or the name of a file that has one, to study in place of
            the recipes' networks. It is not changed. Defaults to `None`.
        x: The points that `model` trains on, in the structure that it takes, such as an array of
            shape `(points, features)`. Defaults to `None`: the four points of a truth table, in
            the form that the model asks for.
        y: The labels of the points, in the structure of the model's outputs. Defaults to `None`:
            those of each recipe; for two outputs, one-hot, unless the loss is sparse.
        file: Name of a CSV file to write a row per run to, in their order, as they finish.
            Defaults to `None`.
        resume: Whether to go on with the unfinished sweep of `file`, if there is one. Defaults to
            False.
        verbose: 1 for a progress bar with the time left, which counts the steps of all runs; 2
            for one line per recipe. Defaults to 0, silent.
        executor: A `concurrent.futures.Executor` that trains, such as
            `distributed.Client(...).get_executor()`. Defaults to `None`: threads on all cores.
        on_progress: Function that is called in this thread, at the start and every now and then,
            with two ints: the steps done and the steps there are, of all runs. An exception that
            it raises ends the study. Defaults to `None`.

    Returns:
        A list with a `Study` per recipe.

    Raises:
        KerasXorError: Keras or XLA cannot train the model in this way; or `file` cannot be
            written, or is not of this sweep.
    """
    name, networks = _networks(recipes, model, x, y)
    names = networks[0].points.names
    run_seeds = np.random.SeedSequence(seed).generate_state(seeds, np.uint64)
    chunks = cut(recipes, networks, run_seeds.tolist())
    rows = RowsFile(file, name, names) if file is not None else None
    restored = rows.restore(chunks, resume) if rows else []
    old, new = chunks[: len(restored)], chunks[len(restored) :]

    progressed = _progress(chunks, verbose, on_progress)
    progressed(sum(chunk.steps for chunk in old))
    done = zip(old, restored, strict=True)
    done = itertools.chain(done, _saved(finished(new, executor, progressed), rows))
    studies = []
    for cell, pairs in itertools.groupby(done, lambda pair: pair[0].cell):
        results = zip(*(results for _, results in pairs), strict=True)
        identity = recipes[cell], name, networks[cell].points.texts(), names, run_seeds
        studies.append(Study(*identity, *map(np.concatenate, results)))
        if verbose == 2:
            _tell(studies, recipes)
    return studies


def _networks(recipes, model, x, y):
    """The name of the model, or "", and the `Network` that each recipe trains."""
    if model is None:
        return "", [*map(recipe_network, recipes)]
    name = ""
    if isinstance(model, str | os.PathLike):
        name, model = os.fspath(model), load_any_model(model)
    of_labels = {labels: Network(model, x, y, labels) for labels in {r.labels for r in recipes}}
    return name or model.name, [of_labels[recipe.labels] for recipe in recipes]


def _progress(chunks, verbose, on_progress):
    """The function to call with every number of steps done."""
    steps, steps_done = sum(chunk.steps for chunk in chunks), 0
    bar = keras.utils.Progbar(steps, verbose=int(verbose == 1))

    def progressed(more):
        nonlocal steps_done
        steps_done += more
        bar.add(more)
        if on_progress:
            on_progress(steps_done, steps)

    return progressed


def _saved(done, rows):
    for chunk, results in done:
        if rows:
            rows.append(chunk, results)
        yield chunk, results


def _tell(studies, recipes):
    """Print a line about the last study."""
    labels = varied_settings(recipes)[len(studies) - 1].items()
    learned = f"learned: {100 * studies[-1].learned.mean():.1f} %"
    texts = [f"{len(studies)}/{len(recipes)}", *(f"{n}: {text}" for n, text in labels), learned]
    print(" - ".join(texts), flush=True)
