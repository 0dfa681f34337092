"""The page of scripts/playground.py: runs to play with, and their drawing."""

from keras_xor.playground.address import address_of, link, settings_of_address
from keras_xor.playground.drawing import drawing
from keras_xor.playground.outcome import luck, outcome
from keras_xor.playground.presets import presets
from keras_xor.playground.run import Run, is_compiled, play
from keras_xor.playground.server import serve
from keras_xor.playground.takeaway import FILES, command, files_of, python_lines
from keras_xor.playground.view import View
