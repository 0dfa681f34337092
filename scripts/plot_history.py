"""Plot loss and accuracy by epoch."""

import keras_xor
from keras_xor import checks
from keras_xor.cli import Parser, add_chart, add_checked, run, say


def arguments():
    parser = Parser(description=__doc__)
    help = "a history written by train.py"
    add_checked(parser, "--history", checks.csv_file, "artifacts/xor.csv", help, "FILE")
    add_chart(parser, "artifacts/history.png")
    return parser.parse_args()


def main(args):
    history = keras_xor.files.load_history(args.history)
    if keras_xor.files.is_history_of_another(args.history):
        say(f"{args.history} is not from the same run as the model next to it")
    keras_xor.plots.save(keras_xor.plots.learning_curve(history), args.to_file)
    print(f"picture: {args.to_file}")


if __name__ == "__main__":
    run(main, arguments)
