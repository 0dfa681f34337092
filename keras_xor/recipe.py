"""The recipe's numbers, in one place; imports nothing, so that a script's --help is instant.

Source: the Axon guide "Modeling XOR with a neural network",
https://hexdocs.pm/axon/xor.html
"""

HIDDEN_UNITS = 8
ACTIVATION = "tanh"
LEARNING_RATE = 0.01  # Axon's default for :sgd

BATCH_SIZE = 32
STEPS_PER_EPOCH = 1_000
EPOCHS = 10

SEED = 0
SEEDS = 1_000
RESOLUTION = 50
MODEL_FILE = "artifacts/xor.keras"
HISTORY_FILE = "artifacts/xor.csv"
MODEL_PICTURE = "artifacts/model.png"
SURFACE_PICTURE = "artifacts/surface.png"
EXPORT_FILE = "artifacts/xor.onnx"
HISTORY_PICTURE = "artifacts/history.png"
