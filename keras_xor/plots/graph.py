"""The model as a graph of its layers."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import keras
import pygraphviz

from keras_xor.checks import KerasXorError
from keras_xor.files import replacing
from keras_xor.runtime import silence


def plot_model(model, to_file="model.png", rankdir="TB", dpi=200):
    """Draw `model` like `keras.utils.plot_model`, with or without Graphviz's `dot`.

    Args:
        model: The `keras.Model` to draw, with shapes, dtypes, activations and names.
        to_file: Name of the picture, ending in .png, .svg or .pdf. Folders are created
            as needed. Defaults to model.png.
        rankdir: Direction of the graph: "TB", "LR", "BT" or "RL". Defaults to "TB".
        dpi: Dots per inch of a .png, 1 to 600. Defaults to 200, Keras's own.

    Raises:
        KerasXorError: `model` is not built, or `to_file` cannot be written.
    """
    if not model.built:
        raise KerasXorError("model must be built: give it a keras.Input, or call it once")
    format = Path(to_file).suffix[1:]
    graph = keras.utils.model_to_dot(
        model,
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        rankdir=rankdir,
        # Graphviz 2.43 cuts off an .svg unless it has 72 dots per inch, one per point.
        dpi=dpi if format == "png" else 72,
    )
    _escape_names(graph, model)
    with replacing(to_file) as new:
        new.write_bytes(_drawn(graph, format))


def _escape_names(graph, model):
    """Escape the names in labels, which Keras puts into their HTML unescaped."""
    for layer in model.layers:
        kind = type(layer).__name__
        activation = getattr(layer, "activation", None)
        names = [getattr(activation, name, None) for name in ("name", "__name__")]
        for node in graph.get_node(str(id(layer))):
            label = node.get_label().replace(
                f"<b>{layer.name}</b> ({kind})",
                f"<b>{_entities(layer.name)}</b> ({_entities(kind)})",
            )
            for name in filter(None, names):
                label = label.replace(
                    f"Activation: <b>{name}</b>", f"Activation: <b>{_entities(name)}</b>"
                )
            node.set_label(label)


def _entities(text):
    """Escape `text` for a Graphviz label, where markup, braces and more are special."""
    return "".join(
        char if char.isalnum() or char in " _-" else f"&#{ord(char) if char.isprintable() else 63};"
        for char in text
    )


def _drawn(graph, format):
    """Draw a graph with the `dot` program or, without it, with the wheel's own Graphviz."""
    text = graph.to_string()
    if shutil.which("dot"):
        done = subprocess.run(["dot", f"-T{format}"], input=text.encode(), capture_output=True)
        if not done.returncode:
            return done.stdout
    # Writing a file on a full disk, the wheel's Graphviz would end the process. Its fontconfig
    # warns about unknown system settings.
    try:
        with silence():
            return pygraphviz.AGraph(string=text).draw(format=format, prog="dot")
    except OSError as error:  # It draws from a temporary file.
        raise KerasXorError(
            f"cannot draw ({error.strerror}): make room in {tempfile.gettempdir()}"
        ) from error
