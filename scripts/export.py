"""Export a model to ONNX Runtime, LiteRT or TensorFlow, and check it there."""

import keras_xor
from keras_xor import cli
from keras_xor.values import parse_export_suffix


def arguments():
    parser = cli.Parser(__doc__, "export.py --to-file artifacts/xor.tflite")
    cli.add_model(parser)
    help = "where to write it: .onnx, .tflite, or a new folder"
    cli.add_value(parser, "--to-file", export_file, help, "artifacts/xor.onnx")
    return parser.parse_args()


def export_file(text):
    parse_export_suffix(text)
    return text


def main(args):
    model = keras_xor.load_model(args.model)
    difference = keras_xor.export(model, args.to_file)
    print(f"export: {args.to_file}")
    print(f"largest difference from Keras: {difference:.2g}")


if __name__ == "__main__":
    cli.run_script(main, arguments)
