"""The cost of a training step, in this package and in other implementations."""

from keras_xor.benchmark.costs import (
    growth,
    has_jax,
    machine,
    process_costs,
    step_costs,
    study_costs,
)
