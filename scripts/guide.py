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
    from keras_xor import cli, playground

    return cli, keras, keras_xor, mo, playground


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
def _(playground, recipe, seed):
    controls = playground.controls_of(recipe, seed)
    panel = playground.panel_of(controls)
    return controls, panel


@app.cell(hide_code=True)
def _(mo, panel, playground):
    view = playground.View()
    mo.vstack([panel, view])
    return (view,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    The large square shows the probability at each point of the unit square: orange above 0.5, and
    blue below. In the network, orange lines are positive weights, blue lines are negative ones, and
    thick lines are large ones. The picture of a unit shows its output over the unit square: orange
    where it is above its output without any input, and blue where it is below. The small square
    beside it shows its bias. Point at a weight, a unit or the large square, or tap it, to see its
    values. Between two epochs, the pictures are blended.

    The seed determines the first weights: with the same seed, units and initializer, every recipe
    starts from the same network. The address of this page holds the settings, so you can bookmark
    them, or send them to somebody who also runs the page. `marimo edit scripts/guide.py` opens this
    page for editing.
    """)
    return


@app.cell(hide_code=True)
def _(mo, playground):
    mo.md(playground.presets_text())
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## The network

    One dense layer cannot learn XOR, because no straight line separates (0, 1) and (1, 0) from
    (0, 0) and (1, 1). Two layers can. The two operands are two inputs, and a `Concatenate` layer
    joins them into one vector. Axon pipes one layer into the next. Keras's functional API calls
    each layer on the output of the one before.

    All code on this page follows the controls: `run` is what the section "Training" gives.
    """)
    return


@app.cell
def network(keras, run):
    x1 = keras.Input(shape=(1,), name="x1")
    x2 = keras.Input(shape=(1,), name="x2")
    x = keras.layers.Concatenate(name="pair")([x1, x2])
    for number, units in enumerate(run.recipe.hidden_units, start=1):
        hidden = keras.layers.Dense(units, run.recipe.activation, name=f"hidden_{number}")
        x = hidden(x)
    y = keras.layers.Dense(1, activation="sigmoid", name="y")(x)
    model = keras.Model(inputs={"x1": x1, "x2": x2}, outputs=y, name="xor")
    model.summary()
    return (model,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Training data

    XOR is known, so the examples can be drawn at random: one batch after another, without end.
    """)
    return


@app.cell
def data(keras_xor, run):
    batches = keras_xor.data.recipe_batches(run.recipe, run.seed)
    batch, labels = next(iter(batches))
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
    `jit_compile=True`.
    """)
    return


@app.cell
def compilation(keras, model, run):
    optimizer = keras.optimizers.get(run.recipe.optimizer)
    optimizer.learning_rate = run.recipe.learning_rate
    model.compile(optimizer, loss=run.recipe.loss, metrics=["accuracy"], jit_compile=True)
    return


@app.cell(hide_code=True)
def _(mo, run):
    mo.md(f"""
    Now `model.fit(batches, epochs={run.recipe.epochs},
    steps_per_epoch={run.recipe.steps_per_epoch})` would train this model, at about a millisecond a
    step. `keras_xor.train` also calls `fit`, but compiles the loop over the steps together with the
    step, which is some 300 times faster.

    This cell trains so whenever a control changes. It does what `keras_xor.build_model` and
    `keras_xor.train` do, keeps the weights of every epoch, and draws them.
    """)
    return


@app.cell
def training(controls, mo, view):
    run = view.train(**controls.value)
    mo.stop(run is None)  # The view says why.
    return (run,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Predictions

    The trained network gives the probability at any point, not only at 0 and 1, because it is a
    continuous function. The square of orange and blue above shows them over the unit square.
    """)
    return


@app.cell
def predictions(keras_xor, mo, run):
    mo.stop(run.diverged, mo.md("The training diverged, so there is nothing to predict."))
    print(keras_xor.predict(run.model(), x1=[0, 0, 1, 1], x2=[0, 1, 0, 1]))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Was it luck?

    One run says little about a recipe. One second after the last change, this cell trains the
    recipe with 200 other seeds by `keras_xor.seed_study`, in the background. The line below the
    pictures says how many of them learn, and where this seed stands.
    """)
    return


@app.cell
def luck(mo, run, view):
    study = mo.Thread(target=view.study, args=[run])
    study.start()
    return (study,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Take it along

    On the command line and in Python, this is the run above:
    """)
    return


@app.cell(hide_code=True)
def _(cli, mo, playground, run):
    command = cli.command(run.recipe, run.seed)
    lines = playground.python_lines(run.recipe, run.seed)
    mo.md(f"```sh\n{command}\n```\n\n```python\n{lines}\n```")
    return


@app.cell(hide_code=True)
def _(mo, playground, run):
    mo.hstack(
        [
            mo.download(
                lambda name=name: playground.file_of(run, name),
                filename=name,
                label=label,
                disabled=not playground.can_be_taken(run, name),
            )
            for name, label in playground.FILES.items()
        ],
        justify="start",
        wrap=True,
    )
    return


@app.cell(hide_code=True)
def _(mo, playground, run, study, view):
    if not mo.running_in_notebook():  # As a program
        study.join()
        print(playground.outcome_of(run), view.luck, sep="\n")
    return


if __name__ == "__main__":
    app.run()
