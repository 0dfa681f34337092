"""Show charts in a notebook, without loading anything from the network."""

import html
import re

import altair as alt
import vl_convert

from keras_xor.plots.common import SIGNATURE
from keras_xor.plots.saving import page


def _in_notebook(spec, **options):
    """The notebook output of a chart; for charts of this package, its page in a frame."""
    if spec.get("usermeta") != SIGNATURE:
        return _in_notebook_otherwise(spec, **options)
    height = float(re.search(r'height="([\d.]+)"', vl_convert.vegalite_to_svg(spec))[1])
    content = html.escape(page(spec))
    style = f"width: 100%; height: {height + 60:.0f}px; border: none"  # With room for a slider.
    return {"text/html": f'<iframe srcdoc="{content}" style="{style}"></iframe>'}


if alt.renderers.active == "default":  # It loads its scripts from the network.
    _in_notebook_otherwise = alt.renderers.get()
    alt.renderers.register("keras_xor", _in_notebook)
    alt.renderers.enable("keras_xor")
