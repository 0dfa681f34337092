"""Plot loss and accuracy by epoch."""

import keras_xor
from keras_xor import cli


def arguments():
    parser = cli.Parser(__doc__, "plot_history.py --to-file artifacts/history.svg")
    cli.add_run(parser, "a run written by train.py", default=cli.RUN_FILE)
    cli.add_chart(parser, "artifacts/history.png")
    return parser.parse_args()


def main(args):
    history = keras_xor.Run.load(args.run).history
    keras_xor.plots.save_chart(keras_xor.plots.plot_history(history), args.to_file)
    print(f"picture: {args.to_file}")


if __name__ == "__main__":
    cli.run_script(main, arguments)
