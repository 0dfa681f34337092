"""Train the XOR network; write the model, and its history beside it as CSV."""

import sys

import keras_xor
from keras_xor import checks, recipe
from keras_xor.command_line import Parser, add_checked, prediction_table, run


def arguments():
    parser = Parser(description=__doc__)
    for name, check, default, help in (
        ("--epochs", checks.whole_number, recipe.EPOCHS, "rounds of training"),
        ("--steps-per-epoch", checks.whole_number, recipe.STEPS_PER_EPOCH, "batches in an epoch"),
        ("--batch-size", checks.batch_size, recipe.BATCH_SIZE, "examples in a batch"),
        ("--learning-rate", checks.learning_rate, recipe.LEARNING_RATE, "of SGD"),
        ("--seed", checks.seed, recipe.SEED, "of the initial weights and the batches"),
    ):
        add_checked(parser, name, check, default, help)
    add_checked(
        parser, "--model", checks.model_file, recipe.MODEL_FILE, "where to write the model", "FILE"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="also write the weights after every epoch, for plot_surface.py",
    )
    parser.add_argument("--show-batch", action="store_true", help="print the first batch")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return parser.parse_args()


def main(args):
    outputs = {"model": args.model, "history": args.model.with_suffix(".csv")}
    if args.record:
        outputs["record"] = args.model.with_suffix(".npz")
    for file in outputs.values():
        keras_xor.writing.check_writable(file)

    model = keras_xor.build_model(args.learning_rate, args.seed)
    recorder = keras_xor.training.Recorder()
    if not args.quiet:
        introduce(model, args)
    history = keras_xor.train(
        model,
        epochs=args.epochs,
        steps_per_epoch=args.steps_per_epoch,
        batch_size=args.batch_size,
        seed=args.seed,
        callbacks=[recorder] if args.record else None,
        verbose=0 if args.quiet else 1 if sys.stdout.isatty() else 2,
    )
    weights = recorder.weights if args.record else None
    keras_xor.files.save_run(outputs, model, history, weights)
    if not args.quiet:
        conclude(model, outputs)


def introduce(model, args):
    if args.show_batch:
        x, y = next(iter(keras_xor.xor_batches(args.batch_size, args.seed)))
        print(f"The first batch: x1, x2 and y, each {y.dtype.name} of shape {tuple(y.shape)}")
        for name, values in {**x, "y": y}.items():
            print(f"{name:>2} {values.numpy().ravel()}")
        print()
    model.summary()
    print(f"Training on {keras_xor.training.device()}, compiled by XLA")


def conclude(model, outputs):
    print()
    print(prediction_table(keras_xor.prediction.predictions(model, *recipe.TRUTH_TABLE)))
    print()
    for name, file in outputs.items():
        print(f"{name + ':':<8} {file}")


if __name__ == "__main__":
    run(main, arguments())
