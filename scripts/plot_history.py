"""Plot loss and accuracy by epoch."""

import keras_xor
from keras_xor import cli


def arguments():
    parser = cli.Parser(description=__doc__)
    cli.add_run(parser, "a run written by train.py", default=cli.RUN_FILE)
    cli.add_chart(parser, "artifacts/history.png")
    return parser.parse_args()


def main(args):
    history = keras_xor.Run.load(args.run).history
    keras_xor.plots.save(keras_xor.plots.learning_curve(history), args.to_file)
    print(f"picture: {args.to_file}")


if __name__ == "__main__":
    cli.run_script(main, arguments)
