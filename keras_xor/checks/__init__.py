"""Checks of argument values.

Each check returns the converted value, or raises `KerasXorError` with one sentence about `name`.
Nothing here imports anything heavy, so scripts respond at once.
"""

from keras_xor.checks.errors import KerasXorError, one_line, shown
from keras_xor.checks.names import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    OPTIMIZERS,
    WITH_MOMENTUM,
    WITH_NESTEROV,
    activation,
    alternatives,
    device,
    kernel_initializer,
    loss,
    optimizer,
    rankdir,
)
from keras_xor.checks.numbers import (
    MOST_HIDDEN_UNITS,
    RESOLUTION,
    SEEDS,
    batch_size,
    count,
    dpi,
    finite_number,
    hidden_units,
    is_number,
    learning_rate,
    momentum,
    port,
    resolution,
    seed,
    seeds,
    switch,
    whole_number,
)
from keras_xor.checks.paths import (
    chart_file,
    csv_file,
    export_file,
    file_name,
    model_file,
    model_picture,
    path,
    record_file,
)
