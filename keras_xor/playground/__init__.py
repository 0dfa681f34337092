"""The page of scripts/playground.py: runs to play with, and their drawing."""

from keras_xor.playground.address import make_link, make_query, parse_query
from keras_xor.playground.controls import Controls, read_controls
from keras_xor.playground.downloads import FILES, can_download, make_file
from keras_xor.playground.drawings import make_drawing
from keras_xor.playground.plain import write_keras, write_python
from keras_xor.playground.presets import LESSONS, write_lessons, write_reports
from keras_xor.playground.server import serve
from keras_xor.playground.view import View, describe_luck
