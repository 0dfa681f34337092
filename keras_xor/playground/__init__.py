"""The page of scripts/playground.py: runs to play with, and their drawing."""

from keras_xor.playground.address import address_of, link, settings_of_address
from keras_xor.playground.controls import controls_of, panel_of
from keras_xor.playground.drawings import drawing_of
from keras_xor.playground.outcomes import luck_of, outcome_of
from keras_xor.playground.presets import presets_text
from keras_xor.playground.server import serve
from keras_xor.playground.takeaway import FILES, can_be_taken, file_of, python_lines
from keras_xor.playground.view import View
