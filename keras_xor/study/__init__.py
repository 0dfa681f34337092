"""Train many runs at once, and summarize them."""

from keras_xor.study.runs import seed_study
from keras_xor.study.summary import ARTICLE, POINTS, save_rows, summary
