"""Many runs at once, and what they have in common."""

from keras_xor.study.program import seed_study
from keras_xor.study.summary import ARTICLE, POINTS, save_rows, summary
