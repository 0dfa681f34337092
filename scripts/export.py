"""Export the trained model to ONNX Runtime, LiteRT or TensorFlow, and check it there."""

import keras_xor
from keras_xor import checks
from keras_xor.cli import Parser, add_checked, add_trained_model, run


def arguments():
    parser = Parser(description=__doc__)
    add_trained_model(parser)
    help = "where to write it: .onnx, .tflite or a folder"
    add_checked(parser, "--to-file", checks.export_file, "artifacts/xor.onnx", help, "FILE")
    return parser.parse_args()


def main(args):
    model = keras_xor.load_model(args.model)
    difference = keras_xor.export(model, args.to_file)
    print(f"export: {args.to_file}")
    print(f"largest difference from Keras: {difference:.2g}")


if __name__ == "__main__":
    run(main, arguments)
