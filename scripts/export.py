"""Write the trained model for ONNX Runtime, LiteRT or TensorFlow, and check it there."""

import keras_xor
from keras_xor import checks, recipe
from keras_xor.cli import Parser, add_checked, run


def arguments():
    parser = Parser(description=__doc__)
    for name, check, default, help in (
        ("--model", checks.model_file, recipe.MODEL_FILE, "a model that train.py wrote"),
        ("--to-file", checks.export_file, recipe.EXPORT_FILE, ".onnx, .tflite or a folder"),
    ):
        add_checked(parser, name, check, default, help, "FILE")
    return parser.parse_args()


def main(args):
    model = keras_xor.load_model(args.model)
    difference = keras_xor.export(model, args.to_file)
    print(f"export: {args.to_file}")
    print(f"largest difference from Keras: {difference:.2g}")


if __name__ == "__main__":
    run(main, arguments)
