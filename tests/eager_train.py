"""scripts/train.py with a save at the end of every epoch, for tests that stop it."""

import runpy
from pathlib import Path

from keras_xor.runtime import silence

with silence():
    from keras_xor.files import Throttle

Throttle.seconds = 0
runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "train.py"), run_name="__main__")
