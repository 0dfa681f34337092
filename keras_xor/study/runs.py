"""Train networks with many seeds at once, to see whether a result was luck."""

import functools

import keras
import numpy as np

from keras_xor.recipe import GUIDE, takes_recipe
from keras_xor.study.cluster import on_cluster
from keras_xor.study.cores import on_all_cores
from keras_xor.study.groups import check_cell, groups_of, train_group
from keras_xor.study.network import check_network
from keras_xor.study.rows import RowsFile, labels_of
from keras_xor.study.summary import summary


@takes_recipe
def seed_study(recipe=GUIDE, seeds=1_000, seed=0, model=None, verbose=0, on_progress=None):
    """Train the network of a recipe, or a model, with many seeds, on all cores.

    Each run of a recipe gives the same result as `build_model` and `train` with its seed, up to
    float32 rounding. A run of a model starts from weights drawn by the initializers of its layers;
    the k-th that takes a seed gets the k-th word of `numpy.random.SeedSequence` of the run's seed.

    Args:
        recipe: A `Recipe`. Defaults to the guide's.
        seeds: Number of runs. Defaults to 1000.
        seed: Whole number of at least 0 that determines the seeds of the runs.
            Defaults to 0.
        model: A compiled `keras.Model` to study in place of the recipe's network; of the recipe,
            only `epochs`, `steps_per_epoch` and `batch_size` are used then. It is functional with
            the inputs x1 and x2, or functional or Sequential with one input of shape (None, 2),
            and has one output. It is not changed. A change of it between studies counts if its
            layers' `get_config` shows it; otherwise, compile it again. Defaults to `None`.
        verbose: 1 for a progress bar with the time left, which counts the steps of all
            runs. Defaults to 0, silent.
        on_progress: Function that is called in this thread, at the start and every now and then,
            with two ints: the steps done and the steps there are, of all runs. An exception that
            it raises ends the study. Defaults to `None`.

    Returns:
        A list with one dict of Python numbers per run: "seed"; "y_00", "y_01", "y_10" and
        "y_11", the probability at each point; "loss", the mean over the last epoch;
        "steps_to_learn", the step, counted from 1, after which all four points stay
        correctly classified, or `None` if they are not at the end. Where `train` would say
        that a run diverged, the probabilities are nan, and the loss is the one it would show. If
        the outputs of `model` are logits, the probabilities are their sigmoids.

    Raises:
        KerasXorError: the model or its optimizer is one that a study cannot train, such as one
            with BatchNormalization, Dropout, clipnorm or Muon; or Keras raises an error.
    """
    cell = recipe if model is None else (recipe, model)
    return sweep([cell], seeds, seed, verbose=verbose, on_progress=on_progress)[0]


def sweep(
    recipes,
    seeds=1_000,
    seed=0,
    file=None,
    resume=False,
    verbose=0,
    scheduler=None,
    on_progress=None,
):
    """Study many recipes or models, each with the same seeds.

    Recipes that differ only in learning rate, momentum (other than 0), batch size and steps share
    a program.

    Args:
        recipes: List of `Recipe`s; of compiled `keras.Model`s, to be trained in the steps and
            batches of the guide; or of pairs of a `Recipe` and a model, as for `seed_study`.
        seeds: See `seed_study`.
        seed: See `seed_study`.
        file: Name of a CSV file, ending in .csv, to write the rows to, with a column for each
            field of the recipes that varies. It is kept up to date, at most every five seconds;
            until the end, a file with the ending .study beside it says what it is of. Defaults to
            `None`.
        resume: Whether to continue the unfinished sweep of `file`, if there is one. Defaults to
            False.
        verbose: 1 for a progress bar with the time left, 2 for one line per recipe. Defaults to
            0, silent.
        scheduler: The address of a Dask scheduler, such as "tcp://127.0.0.1:8786", whose workers
            train in place of this machine. Defaults to `None`.
        on_progress: See `seed_study`.

    Returns:
        A list with one list of rows per recipe, as from `seed_study`.

    Raises:
        KerasXorError: see `seed_study`; or `file` cannot be written, or is not of this sweep; or
            the cluster has no scheduler, no workers, or other versions.
    """
    cells = _cells(recipes)
    run_seeds = np.random.SeedSequence(seed).generate_state(seeds, np.uint64).tolist()
    groups = groups_of(cells, run_seeds)
    finished, rows_file = {}, None
    if file is not None:
        rows_file = RowsFile(file, cells, groups, {"seeds": f"{seeds}", "seed": f"{seed}"})
        finished = rows_file.restore(resume)

    on_all_cores([functools.partial(check_cell, *cell) for cell in cells])
    progressed = _progress(_steps(groups), verbose, on_progress)
    progressed(_steps(groups[number] for number in finished))
    left = [number for number in range(len(groups)) if number not in finished]

    def done(task, rows):
        number = left[task]
        finished[number] = rows
        if rows_file:
            rows_file.update(finished)
        if verbose == 2:
            _tell(groups[number].cell, cells, groups, finished)

    try:
        _train([groups[number] for number in left], scheduler, done, progressed)
    except BaseException:  # Also Ctrl-C, and what on_progress raises.
        if rows_file and finished:
            rows_file.write(finished)
        raise
    if rows_file:
        rows_file.finish(finished)
    return [_rows_of(cell, groups, finished) for cell in range(len(cells))]


def _progress(steps, verbose, on_progress):
    """The function to call with every number of steps done."""
    bar = keras.utils.Progbar(steps, verbose=int(verbose == 1))
    steps_done = 0

    def progressed(new):
        nonlocal steps_done
        steps_done += new
        bar.add(new)
        if on_progress:
            on_progress(steps_done, steps)

    return progressed


def _steps(groups):
    return sum(group.steps_of_all for group in groups)


def _train(groups, scheduler, done, progressed):
    if scheduler is not None:
        on_cluster(scheduler, groups, done, progressed)
    else:
        on_all_cores([functools.partial(train_group, group) for group in groups], done, progressed)


def _rows_of(cell, groups, finished):
    """The rows of a cell, as far as they are finished."""
    own = [number for number, group in enumerate(groups) if group.cell == cell]
    return [row for number in own for row in finished.get(number, [])]


def _cells(recipes):
    """The pairs of a `Recipe` and a model, or `None`, that `recipes` stand for."""
    return [*map(_cell, recipes)]


def _cell(thing):
    """A cell of a sweep: a `Recipe`, and the model in place of its network or `None`."""
    recipe, model = thing, None
    if isinstance(thing, keras.Model):
        recipe, model = GUIDE, thing
    elif isinstance(thing, tuple) and len(thing) == 2:
        recipe, model = thing
    if thing is not recipe:
        check_network(model)
    return recipe, model


def _tell(cell, cells, groups, finished):
    """Print a line about a cell, if it is finished."""
    unfinished = {group.cell for number, group in enumerate(groups) if number not in finished}
    if cell in unfinished:
        return
    result = summary(_rows_of(cell, groups, finished))
    label = [f"{name}: {text}" for name, text in labels_of(cells)[cell].items()]
    share = f"learned: {100 * result['learned'] / result['runs']:.1f} %"
    print(" - ".join([f"{len(cells) - len(unfinished)}/{len(cells)}", *label, share]), flush=True)
