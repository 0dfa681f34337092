"""Plots of the network, its predictions, its training, and many runs."""

from keras_xor.plots.distributions import plot_distributions
from keras_xor.plots.graph import plot_model
from keras_xor.plots.hidden_space import (
    plot_hidden_space,
    plot_hidden_space_by_epoch,
    plot_hidden_space_multiples,
)
from keras_xor.plots.history import plot_history
from keras_xor.plots.recipes import plot_recipes
from keras_xor.plots.saving import save_chart
from keras_xor.plots.surfaces import plot_surface, plot_surface_by_epoch, plot_surface_multiples
