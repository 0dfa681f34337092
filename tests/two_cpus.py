"""Run a script with the CPU split into two TensorFlow devices."""

import runpy
import sys
from pathlib import Path

import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

if __name__ == "__main__":
    del sys.argv[0]
    runpy.run_path(str(Path(__file__).parents[1] / "scripts" / sys.argv[0]), run_name="__main__")
