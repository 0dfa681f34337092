# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(
    width="full",
    app_title="Modeling XOR with a neural network",
    html_head_file="../keras_xor/playground/head.html",
)


@app.cell(hide_code=True)
def _():
    import marimo as mo

    from keras_xor.runtime import import_keras

    import_keras()  # Silently

    import keras
    import tensorflow as tf

    import keras_xor
    from keras_xor import cli, playground

    return cli, keras, keras_xor, mo, playground, tf


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    # Modeling XOR with a neural network

    Two bits go in. What comes out is the probability that exactly one of them is 1. Change a
    setting, and Keras trains the network anew. Press play to see how it learned.
    """)
    return


@app.cell(hide_code=True)
def _(mo, playground):
    _recipe, _seed, _problem = playground.parse_query(mo.query_params().to_dict())
    controls = mo.ui.anywidget(playground.Controls(_recipe, _seed))
    view = mo.ui.anywidget(playground.View(_recipe, _seed))
    _lessons = mo.Html(playground.write_lessons(_recipe, _seed))
    _warning = [mo.callout(_problem, kind="warn")] if _problem else []
    mo.vstack([_lessons, *_warning, controls, view])
    return controls, view


@app.cell(hide_code=True)
def _(controls, view):
    settings = view.read(controls.values)
    return (settings,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    **The large square** shows the prediction at each point: orange above 0.5, blue below, and the
    dashed line is 0.5. The dots are the four points in the colour of their label, so a dot unlike
    its surroundings is wrong. The thin lines are those of the hidden units: of up to three, or of
    the one that you point at.

    **The square beside it** is the same square, as the last hidden layer sees it: what it makes of
    the four points, and the straight line that the output draws between them. A network has learned
    when the square is folded so that one line parts the colours. It is stuck when an orange and a
    blue point lie on top of each other, because no line can part those. Two hidden units are the
    two axes. More are seen from the side: along the weights of the output from left to right, and
    from bottom to top where the points differ most.

    **In the network**, orange lines are positive weights, blue lines are negative ones, and thick
    lines are large ones. The picture of a unit shows its output over the square: orange where it is
    above what it would be with all weights 0, and blue where it is below. The small square beside
    it shows its bias. Point at a weight, a unit or the large square, or tap it, to see its values.
    The keyboard goes through the units with arrow keys. Between two epochs, the pictures are
    blended. The grey curve is the loss of the run before.

    The seed determines the first weights: with the same seed, units and initializer, every recipe
    starts from the same network. The address of this page holds the settings, so you can bookmark
    them, or send them to somebody who also runs the page. `marimo edit scripts/guide.py` opens this
    page for editing.
    """)
    return


@app.cell(hide_code=True)
def _(mo, playground):
    mo.md(f"""
    ## Recipes of public questions

    These networks were reported as stuck, or as examples. Each recipe was trained with 4,000 seeds,
    with the data as its author had it. In brackets is the 95 % interval.

    {playground.write_reports()}
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## The network

    The four points of the truth table are the corners of a square. One dense layer draws one
    straight line through it, and no line separates (0, 1) and (1, 0) from (0, 0) and (1, 1). Two
    layers can: each hidden unit draws a line of its own, and the output combines them.

    The two bits are two inputs, which a `Concatenate` layer joins into one vector. Axon pipes one
    layer into the next. Keras's functional API calls each layer on the output of the one before.

    The code from here on follows the controls. It shows how the guide is done in Keras, all but
    the slow `fit`: the network in the pictures above is trained further below.
    """)
    return


@app.cell
def network(keras, recipe, seed):
    keras.utils.set_random_seed(seed)
    x1 = keras.Input(shape=(1,), name="x1")
    x2 = keras.Input(shape=(1,), name="x2")
    x = keras.layers.Concatenate(name="pair")([x1, x2])
    for number, units in enumerate(recipe.hidden_units, start=1):
        x = keras.layers.Dense(
            units,
            activation=recipe.activation,
            kernel_initializer=recipe.kernel_initializer,
            name=f"hidden_{number}",
        )(x)
    y = keras.layers.Dense(
        1, activation="sigmoid", kernel_initializer=recipe.kernel_initializer, name="y"
    )(x)
    model = keras.Model(inputs={"x1": x1, "x2": x2}, outputs=y, name="xor")
    model.summary()
    return (model,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Training data

    XOR is known, so the examples can be drawn at random: one batch after another, without end. An
    epoch is then a number of steps that we choose, after which Keras reports. The bits are of dtype
    uint8, a byte each. Keras converts them to the float32 of its inputs.
    """)
    return


@app.cell
def data(keras_xor, recipe, seed):
    batches = keras_xor.data.recipe_batches(recipe, seed)
    batch, labels = next(iter(batches))
    print("x1", batch["x1"].numpy().ravel())
    print("x2", batch["x2"].numpy().ravel())
    print(" y", labels.numpy().ravel())
    return (batches,)


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
def compilation(keras_xor, model, recipe):
    model.compile(
        keras_xor.model.make_optimizer(recipe),
        loss=recipe.loss,
        metrics=["accuracy"],
        jit_compile=True,
    )
    return


@app.cell(hide_code=True)
def _(mo, recipe):
    mo.md(f"""
    Now `model.fit(batches, epochs={recipe.epochs}, steps_per_epoch={recipe.steps_per_epoch})` would
    train this model, at about a millisecond a step. Most of that is spent between the steps. This
    model trains on a stack of batches in each step, and enters XLA once for all of them:
    """)
    return


@app.cell
def looped(keras, tf):
    class Looped(keras.Model):
        def train_step(self, stack):
            step = super().train_step
            first = tf.nest.map_structure(lambda x: x[0], stack)
            rest = tf.nest.map_structure(lambda x: x[1:], stack)
            return tf.foldl(lambda logs, batch: step(batch), rest, initializer=step(first))

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    `keras_xor.train` does the same for any model, and is some 300 times faster than `fit`.
    `keras_xor.train_run` builds the model of a recipe, trains it so, and keeps the weights of every
    epoch. This cell runs whenever a control changes, and the view above draws the run:
    """)
    return


@app.cell
def training(keras_xor, settings, view):
    run = keras_xor.train_run(*settings)
    view.show(run)
    recipe, seed = run.recipe, run.seed  # In all other cells
    return recipe, run, seed


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Predictions

    The trained network predicts at any point, not only at 0 and 1, because it is a continuous
    function. The large square above shows its predictions over the unit square.
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
    pictures tells how many of them learn, and how this seed compares.
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
    ## The whole program

    This is the run above in plain Keras, with today's numbers, to be copied as it stands. It gives
    the same weights. Below it is the same with this package, as a command and in Python.
    """)
    return


@app.cell(hide_code=True)
def _(cli, mo, playground, recipe, seed):
    _plain = f"```python\n{playground.write_keras(recipe, seed)}\n```"
    _command = f"```sh\n{cli.write_command(recipe, seed)}\n```"
    _package = f"```python\n{playground.write_python(recipe, seed)}\n```"
    mo.md(f"{_plain}\n\n{_command}\n\n{_package}")
    return


@app.cell(hide_code=True)
def _(mo, playground, run):
    mo.hstack(
        [
            mo.download(
                lambda name=name: playground.make_file(run, name),
                filename=name,
                label=label,
                disabled=not playground.can_download(run, name),
            )
            for name, label in playground.FILES.items()
        ],
        justify="start",
        wrap=True,
    )
    return


@app.cell(hide_code=True)
def _(keras_xor, mo, run, study, view):
    if not mo.running_in_notebook():  # As a program
        study.join()
        print(keras_xor.outcomes.describe_outcome(run), view.luck, sep="\n")
    return


if __name__ == "__main__":
    app.run()
