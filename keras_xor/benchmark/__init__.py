"""What a training step costs, here and elsewhere."""

from keras_xor.benchmark.costs import (
    growth,
    has_jax,
    machine,
    process_costs,
    step_costs,
    study_costs,
)
