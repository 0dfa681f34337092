"""Train the XOR network; write the model, and its history beside it as CSV."""

import sys

import keras_xor
from keras_xor import checks, recipe
from keras_xor.command_line import Parser, option, prediction_table, run


def arguments():
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--epochs",
        type=option(checks.whole_number),
        default=recipe.EPOCHS,
        help="default: %(default)s",
    )
    parser.add_argument(
        "--steps-per-epoch",
        type=option(checks.whole_number),
        default=recipe.STEPS_PER_EPOCH,
        help="batches in an epoch; default: %(default)s",
    )
    parser.add_argument(
        "--batch-size",
        type=option(checks.batch_size),
        default=recipe.BATCH_SIZE,
        help="examples in a batch; default: %(default)s",
    )
    parser.add_argument(
        "--learning-rate",
        type=option(checks.learning_rate),
        default=recipe.LEARNING_RATE,
        help="of SGD; default: %(default)s",
    )
    parser.add_argument(
        "--seed",
        type=option(checks.seed),
        default=recipe.SEED,
        help="of the initial weights and the batches; default: %(default)s",
    )
    parser.add_argument(
        "--model",
        type=option(checks.model_file),
        default=recipe.MODEL_FILE,
        metavar="FILE",
        help="where to write the model; default: %(default)s",
    )
    parser.add_argument("--show-batch", action="store_true", help="print the first batch")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return parser.parse_args()


def main(args):
    history_file = args.model.with_suffix(".csv")
    keras_xor.files.check_writable(args.model)
    keras_xor.files.check_writable(history_file)
    model = keras_xor.build_model(args.learning_rate, args.seed)
    if not args.quiet:
        introduce(model, args)
    history = keras_xor.train(
        model,
        epochs=args.epochs,
        steps_per_epoch=args.steps_per_epoch,
        batch_size=args.batch_size,
        seed=args.seed,
        verbose=0 if args.quiet else 1 if sys.stdout.isatty() else 2,
    )
    keras_xor.save_model(model, args.model)
    keras_xor.files.save_history(history, history_file)
    if not args.quiet:
        conclude(model, args.model, history_file)


def introduce(model, args):
    if args.show_batch:
        x, y = next(iter(keras_xor.xor_batches(args.batch_size, args.seed)))
        print(f"The first batch: x1, x2 and y, each {y.dtype.name} of shape {tuple(y.shape)}")
        for name, values in {**x, "y": y}.items():
            print(f"{name:>2} {values.numpy().ravel()}")
        print()
    model.summary()
    print(f"Training on {keras_xor.training.device()}, compiled by XLA")


def conclude(model, model_file, history_file):
    print()
    print(prediction_table(keras_xor.prediction.predictions(model, *recipe.TRUTH_TABLE)))
    print()
    print(f"model:   {model_file}")
    print(f"history: {history_file}")


if __name__ == "__main__":
    run(main, arguments())
