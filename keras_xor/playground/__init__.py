"""The page of scripts/playground.py: runs to play with, and their drawing."""

from keras_xor.playground.address import make_link, make_query, parse_query
from keras_xor.playground.controls import make_controls, make_panel, read_controls
from keras_xor.playground.downloads import FILES, can_download, make_file
from keras_xor.playground.drawings import make_drawing
from keras_xor.playground.outcomes import describe_luck, describe_outcome
from keras_xor.playground.plain import write_keras, write_python
from keras_xor.playground.presets import write_presets
from keras_xor.playground.server import serve
from keras_xor.playground.view import View
