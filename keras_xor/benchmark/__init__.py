"""The cost of a training step, in this package and in other implementations."""

from keras_xor.benchmark.costs import (
    growth,
    has_jax,
    machine,
    step_costs,
    study_costs,
)
from keras_xor.benchmark.processes import process_costs
