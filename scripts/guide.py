# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Modeling XOR with a neural network")


@app.cell(hide_code=True)
def _():
    import marimo as mo

    from keras_xor.runtime import import_keras

    import_keras()  # Silently

    import keras

    import keras_xor
    from keras_xor import checks, playground

    return checks, keras, keras_xor, mo, playground


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    # Modeling XOR with a neural network

    Two bits go in. What comes out is the probability that exactly one of them is 1. Change the
    recipe, and Keras trains the network anew. Press play to see how it learned.
    """)
    return


@app.cell(hide_code=True)
def _(mo, playground):
    recipe, seed, problem = playground.settings_of_address(mo.query_params().to_dict())
    mo.callout(problem, kind="warn") if problem else None
    return recipe, seed


@app.cell(hide_code=True)
def _(checks, mo, recipe, seed):
    def slider(label, steps, value):
        steps = sorted({*steps, value})
        return mo.ui.slider(steps=steps, value=value, label=label, show_value=True, full_width=True)

    def dropdown(label, names, value):
        return mo.ui.dropdown(names, value, label=label, full_width=True)

    rates = [digit * 10.0**power for power in range(-4, 1) for digit in (1, 2, 5)]
    layers = enumerate((*recipe.hidden_units, 0, 0, 0)[:4], start=1)
    controls = mo.ui.dictionary(
        {
            "hidden_units": mo.ui.array(
                [slider(f"units in layer {n}", range(n == 1, 17), units) for n, units in layers]
            ),
            "activation": dropdown("activation", checks.ACTIVATIONS, recipe.activation),
            "kernel_initializer": dropdown(
                "initializer", checks.INITIALIZERS, recipe.kernel_initializer
            ),
            "loss": dropdown("loss", checks.LOSSES, recipe.loss),
            "optimizer": dropdown("optimizer", checks.OPTIMIZERS, recipe.optimizer),
            "learning_rate": slider("learning rate", rates, recipe.learning_rate),
            "momentum": slider("momentum", [n / 100 for n in range(0, 100, 5)], recipe.momentum),
            "nesterov": mo.ui.switch(recipe.nesterov, label="Nesterov"),
            "batch_size": slider("batch size", [2**n for n in range(8)], recipe.batch_size),
            "steps_per_epoch": slider(
                "steps per epoch", [100, 200, 500, 1000, 2000], recipe.steps_per_epoch
            ),
            "epochs": slider("epochs", [1, 2, 5, 10, 20, 50, 100], recipe.epochs),
            "seed": slider("seed", range(100), seed),
        }
    )
    columns = "repeat(auto-fill, minmax(9.5rem, 1fr))"
    grid = f"display: grid; grid-template-columns: {columns}; gap: 0.4rem 1.6rem"
    every = [*controls["hidden_units"], *[controls[name] for name in controls][1:]]
    panel = mo.Html(f"<div style='{grid}'>{''.join(f'{ui}' for ui in every)}</div>")
    return controls, panel


@app.cell(hide_code=True)
def _(mo, panel, playground):
    view = playground.View()
    mo.vstack([panel, view])
    return (view,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    Orange means above 0.5, and blue below. In the network, orange lines are positive weights, blue
    lines are negative ones, and thick lines are large ones. The picture of a unit shows its output
    over the unit square, and the small square beside it its bias. Point at anything, or tap it, to
    see its figures. Between two epochs, the pictures are blended.

    The seed determines the first weights: with the same seed and the same units, every recipe
    starts from the same network. The address of this page holds the settings, so you can bookmark
    them or send them to somebody who runs the page, too.
    """)
    return


@app.cell(hide_code=True)
def _(mo, playground):
    mo.md(playground.presets())
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## The network

    One dense layer cannot learn XOR, because no straight line separates (0, 1) and (1, 0) from
    (0, 0) and (1, 1). Two layers can. The two operands are two inputs, and a `Concatenate` layer
    joins them into one vector. Axon pipes one layer into the next. Keras's functional API calls
    each layer on the output of the one before.
    """)
    return


@app.cell
def network(keras, run):
    x1 = keras.Input(shape=(1,), name="x1")
    x2 = keras.Input(shape=(1,), name="x2")
    y = keras.layers.Concatenate(name="pair")([x1, x2])
    for units in run.recipe.hidden_units:
        y = keras.layers.Dense(units, activation=run.recipe.activation)(y)
    y = keras.layers.Dense(1, activation="sigmoid", name="y")(y)
    model = keras.Model(inputs={"x1": x1, "x2": x2}, outputs=y, name="xor")
    model.summary()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Training data

    XOR is known, so the examples can be drawn at random: one batch after another, without end.
    """)
    return


@app.cell
def data(keras_xor):
    batch, labels = next(iter(keras_xor.xor_batches(batch_size=32, seed=0)))
    print("x1", batch["x1"].numpy().ravel())
    print("x2", batch["x2"].numpy().ravel())
    print(" y", labels.numpy().ravel())
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Training

    The output is the probability of one of two labels, so the guide's loss is binary cross-entropy,
    and its optimizer is plain stochastic gradient descent. Axon's `compiler: EXLA` is Keras's
    `jit_compile=True`. `keras_xor.train` calls Keras's `fit`, and compiles the loop over the steps
    together with the step.

    This cell runs whenever a control moves. It does what `keras_xor.build_model` and
    `keras_xor.train` do, keeps the weights of every epoch, and draws them.
    """)
    return


@app.cell
def training(controls, view):
    run = view.play(**controls.value)
    return (run,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Predictions

    The trained network gives the probability at any point, not only at 0 and 1, because it is a
    continuous function. The square of orange and blue above is what it says over the unit square.
    """)
    return


@app.cell
def predictions(keras_xor, mo, run):
    mo.stop(run.diverged, "Its weights are not numbers any more.")
    print(keras_xor.predict(run.model(), x1=[0, 0, 1, 1], x2=[0, 1, 0, 1]))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Was it luck?

    One run says little about a recipe. When the controls have rested for a second, this cell trains
    the recipe with 200 other seeds by `keras_xor.seed_study`, in the background. The line below the
    pictures says how many of them learn, and where this seed stands.
    """)
    return


@app.cell
def luck(mo, playground, run, view):
    def compare():
        view.study(run, is_outdated=lambda: mo.current_thread().should_exit)

    comparison = mo.Thread(target=compare)
    comparison.start()
    if not mo.running_in_notebook():
        comparison.join()
        print(playground.outcome(run), view.luck, sep="\n")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Take it along

    On the command line and in Python, this is the run above:
    """)
    return


@app.cell(hide_code=True)
def _(mo, playground, run):
    command = playground.command(run.recipe, run.seed)
    lines = playground.python_lines(run.recipe, run.seed)
    mo.md(f"```sh\n{command}\n```\n\n```python\n{lines}\n```")
    return


@app.cell(hide_code=True)
def _(mo, playground, run):
    mo.hstack(
        [
            mo.download(
                lambda name=name: playground.files_of(run.recipe, run.seed)[name],
                filename=name,
                label=label,
                disabled=run.diverged,
            )
            for name, label in playground.FILES.items()
        ],
        justify="start",
        wrap=True,
    )
    return


if __name__ == "__main__":
    app.run()
