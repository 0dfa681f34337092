"""Train many runs at once, and summarize them."""

from keras_xor.study.rows import labels_of
from keras_xor.study.runs import seed_study, sweep
from keras_xor.study.summary import ARTICLE, POINTS, summary
