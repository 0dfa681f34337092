"""Plots of the network, its predictions, its training, and many runs."""

from keras_xor.plots.graph import plot_model
from keras_xor.plots.history import learning_curve
from keras_xor.plots.recipes import share_learned
from keras_xor.plots.saving import save
from keras_xor.plots.study import distributions
from keras_xor.plots.surfaces import surface, surface_by_epoch, surface_multiples
