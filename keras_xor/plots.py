"""Pictures: the model as a graph."""

import shutil

import keras
import pygraphviz

from keras_xor import checks
from keras_xor.files import replacing
from keras_xor.quiet import silent_stderr


def plot_model(model, to_file="model.png", rankdir="TB", dpi=200):
    """Draw `model` as `keras.utils.plot_model` does, with or without Graphviz's `dot`.

    Args:
        model: The `keras.Model` to draw, with shapes, dtypes, activations and names.
        to_file: Name of the picture, ending in .png, .svg or .pdf. Folders are made
            as needed. Defaults to model.png.
        rankdir: Direction of the graph: "TB", "LR", "BT" or "RL". Defaults to "TB".
        dpi: Dots per inch of a .png, 1 to 600. Defaults to 200, Keras's own.

    Raises:
        KerasXorError: `to_file` has another suffix or cannot be written, `rankdir` is
            not one of the four, or `dpi` is out of range.
    """
    to_file = checks.model_picture(to_file, "to_file")
    dpi = checks.dpi(dpi, "dpi")
    options = {
        "show_shapes": True,
        "show_dtype": True,
        "show_layer_names": True,
        "show_layer_activations": True,
        "rankdir": checks.rankdir(rankdir, "rankdir"),
        # Graphviz 2.43 cuts off an .svg that is not of 72 dots per inch, one a point.
        "dpi": dpi if to_file.suffix == ".png" else 72,
    }
    with replacing(to_file) as new:
        if shutil.which("dot"):
            keras.utils.plot_model(model, new, **options)
        else:
            graph = keras.utils.model_to_dot(model, **options)
            # The wheel's fontconfig warns of system settings that it does not know.
            with silent_stderr():
                pygraphviz.AGraph(string=graph.to_string()).draw(str(new), prog="dot")
