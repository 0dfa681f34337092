"""Train the XOR network; write the model, and its history beside it as CSV."""

import shlex
import sys

import keras_xor
from keras_xor import checks, recipe
from keras_xor.command_line import Parser, add_checked, add_recipe, prediction_table, run


def arguments():
    parser = Parser(description=__doc__)
    add_recipe(parser)
    add_checked(
        parser, "--seed", checks.seed, recipe.SEED, "of the initial weights and the batches"
    )
    add_checked(
        parser, "--model", checks.model_file, recipe.MODEL_FILE, "where to write the model", "FILE"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="also write the weights after every epoch, for plot_surface.py",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where a run of the same options was interrupted; more --epochs are welcome",
    )
    parser.add_argument("--show-batch", action="store_true", help="print the first batch")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return parser.parse_args()


def main(args):
    outputs = {"model": args.model, "history": args.model.with_suffix(".csv")}
    if args.record:
        outputs["record"] = args.model.with_suffix(".npz")
    checkpoint_file = args.model.with_suffix(".checkpoint")
    for file in (*outputs.values(), checkpoint_file):
        keras_xor.writing.check_writable(file)

    model = keras_xor.build_model(args.learning_rate, args.seed)
    recorder = keras_xor.training.Recorder() if args.record else None
    settings = {
        "--steps-per-epoch": args.steps_per_epoch,
        "--batch-size": args.batch_size,
        "--learning-rate": args.learning_rate,
        "--seed": args.seed,
        "--record": args.record,
    }
    checkpoint = keras_xor.checkpoints.Checkpoint(checkpoint_file, settings, recorder)
    epochs_done = checkpoint.restore(model, args.epochs) if args.resume else 0
    if not args.quiet:
        introduce(model, args, epochs_done)
    history = keras_xor.train(
        model,
        epochs=args.epochs,
        steps_per_epoch=args.steps_per_epoch,
        batch_size=args.batch_size,
        seed=args.seed,
        callbacks=[recorder, checkpoint] if recorder else [checkpoint],
        verbose=0 if args.quiet else 1 if sys.stdout.isatty() else 2,
        initial_epoch=epochs_done,
    )
    keras_xor.files.save_run(outputs, model, history, recorder.weights if recorder else None)
    checkpoint.delete()
    if not args.quiet:
        conclude(model, outputs)


def introduce(model, args, epochs_done):
    if args.show_batch:
        x, y = next(iter(keras_xor.xor_batches(args.batch_size, args.seed)))
        print(f"The first batch: x1, x2 and y, each {y.dtype.name} of shape {tuple(y.shape)}")
        for name, values in {**x, "y": y}.items():
            print(f"{name:>2} {values.numpy().ravel()}")
        print()
    model.summary()
    print(f"Training on {keras_xor.training.device()}, compiled by XLA")
    if epochs_done:
        print(f"Resuming after epoch {epochs_done}")
    elif args.resume:
        print("Nothing to resume: starting anew")


def conclude(model, outputs):
    print()
    print(prediction_table(keras_xor.prediction.predictions(model, *recipe.TRUTH_TABLE)))
    print()
    for name, file in outputs.items():
        print(f"{name + ':':<8} {file}")


def command_to_resume():
    typed = [word for word in sys.orig_argv if word != "--resume"]
    return shlex.join([*typed, "--resume"])


if __name__ == "__main__":
    run(main, arguments(), when_interrupted=f"go on with {command_to_resume()}")
