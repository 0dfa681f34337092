"""Train networks with many seeds at once, to see whether a result was luck."""

import concurrent.futures
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_xor.files import load_any_model
from keras_xor.recipe import DEFAULT, Recipe, compare_settings
from keras_xor.study.chunks import Chunk, Results, make_chunks
from keras_xor.study.cores import train_chunks
from keras_xor.study.network import Network, get_recipe_network
from keras_xor.study.rows import RowsFile
from keras_xor.study.study import Study


def seed_study(
    recipe: Recipe = DEFAULT, seeds: int = 1_000, seed: int = 0, **options: Any
) -> Study:
    """Train the network of a recipe, or a model, with many seeds: `sweep` for a single recipe."""
    return sweep([recipe], seeds, seed, **options)[0]


def sweep(
    recipes: Sequence[Recipe],
    seeds: int = 1_000,
    seed: int = 0,
    *,
    model: keras.Model | str | Path | None = None,
    x: Any = None,
    y: Any = None,
    file: str | Path | None = None,
    resume: bool = False,
    verbose: int = 0,
    executor: concurrent.futures.Executor | None = None,
    chunk_size: int | None = None,
    on_progress: Callable[[int, int], object] = lambda steps_done, steps: None,
) -> list[Study]:
    """Study many recipes, each with the same seeds, on all cores.

    Each run of a recipe gives the same result as `build_model` and `train` with its seed, up to
    float32 rounding. A run of a model gives what Keras's `fit` gives from weights of its own:
    `keras_xor.study.initial.InitialValues` defines them. Recipes that differ only in learning rate
    or steps share a program.

    Args:
        recipes: What to train. With a model, only their steps and their data are used.
        seeds: Number of runs of each recipe.
        seed: Determines the seeds of the runs.
        model: A compiled model, or a file that has one, to study in place of the recipes' networks.
            It is not changed.
        x: The points that `model` trains on, in the structure that it takes, such as an array of
            shape `(points, features)`. The default is a truth table, in the form that it takes.
        y: The labels of the points, in the structure of the model's outputs. The default is those
            of each recipe; for two outputs, one-hot, unless the loss is sparse.
        file: A CSV file that gets a row per run, in their order, as they finish.
        resume: Whether to continue the unfinished sweep of `file`, if there is one.
        verbose: 1 draws a progress bar of the steps of all runs, 2 prints a line per recipe.
        executor: Trains in place of threads, such as that of `connect_dask`.
        chunk_size: The most runs that are trained together, and appear in `file` together. The
            default is some hundreds, fewer for large models.
        on_progress: Called in this thread, at the start and every now and then, with the steps done
            and the steps there are, of all runs. An exception that it raises ends the study.

    Raises:
        KerasXorError: Keras or XLA cannot train the model in this way; or `file` cannot be
            written, or has another sweep.
    """
    name, networks = _make_networks(recipes, model, x, y)
    names = networks[0].points.names
    run_seeds = np.array(random.Random(int(seed)).sample(range(2**32), seeds))
    chunks = make_chunks(recipes, networks, run_seeds.tolist(), chunk_size)
    rows = RowsFile(file, name, names) if file is not None else None
    restored = rows.restore(chunks, resume) if rows else []
    old, new = chunks[: len(restored)], chunks[len(restored) :]

    report = _make_report(chunks, verbose, on_progress)
    report(sum(chunk.steps for chunk in old))
    trained = _save(train_chunks(new, executor, report), rows)
    done = itertools.chain(zip(old, restored, strict=True), trained)
    studies: list[Study] = []
    for cell, pairs in itertools.groupby(done, lambda pair: pair[0].cell):
        results = zip(*(results for _, results in pairs), strict=True)
        identity = recipes[cell], name, networks[cell].points.list_texts(), names, run_seeds
        studies.append(Study(*identity, *map(np.concatenate, results)))
        if verbose == 2:
            _print_last(studies, recipes)
    return studies


def _make_networks(
    recipes: Sequence[Recipe], model: Any, x: Any, y: Any
) -> tuple[str, list[Network]]:
    """The name of the model, or "", and the network that each recipe trains."""
    if model is None:
        return "", [*map(get_recipe_network, recipes)]
    name = ""
    if isinstance(model, str | Path):
        name, model = str(model), load_any_model(model)
    by_labels = {labels: Network(model, x, y, labels) for labels in {r.labels for r in recipes}}
    return name or model.name, [by_labels[recipe.labels] for recipe in recipes]


def _make_report(
    chunks: Sequence[Chunk], verbose: int, on_progress: Callable[[int, int], object]
) -> Callable[[int], None]:
    """The function to call with every number of steps done."""
    steps, steps_done = sum(chunk.steps for chunk in chunks), 0
    bar = keras.utils.Progbar(steps, verbose=int(verbose == 1))

    def report(more: int) -> None:
        nonlocal steps_done
        steps_done += more
        bar.add(more)
        on_progress(steps_done, steps)

    return report


def _save(
    trained: Iterable[tuple[Chunk, Results]], rows: RowsFile | None
) -> Iterator[tuple[Chunk, Results]]:
    for chunk, results in trained:
        if rows:
            rows.append(chunk, results)
        yield chunk, results


def _print_last(studies: Sequence[Study], recipes: Sequence[Recipe]) -> None:
    labels = compare_settings(recipes)[len(studies) - 1].items()
    learned = f"learned: {100 * studies[-1].learned.mean():.1f} %"
    texts = [f"{len(studies)}/{len(recipes)}", *(f"{n}: {text}" for n, text in labels), learned]
    print(" - ".join(texts), flush=True)
