"""Train many runs at once, and summarize them."""

from keras_xor.study.cluster import connect_dask
from keras_xor.study.points import read_points
from keras_xor.study.runs import seed_study, sweep
from keras_xor.study.study import ARTICLE, Study
