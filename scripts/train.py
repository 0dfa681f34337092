"""Train the XOR network; write the model and, next to it, the history as CSV."""

import shutil
import sys

import keras_xor
from keras_xor import checks
from keras_xor.cli import (
    MODEL_FILE,
    Parser,
    add_checked,
    add_device,
    add_recipe,
    command_to_resume,
    prediction_table,
    recipe_of,
    run,
    say,
    settings_of,
)

ADVICE = (
    "With --learning-rate 0.1 and no other option, all 1000 runs of the seed study learned XOR; "
    "scripts/seed_study.py shows how often other options do."
)


def arguments():
    parser = Parser(description=__doc__)
    add_recipe(parser)
    add_checked(parser, "--seed", checks.seed, 0, "seed of the initial weights and the batches")
    add_device(parser)
    help = "where to write the model"
    add_checked(parser, "--model", checks.model_file, MODEL_FILE, help, "FILE")
    parser.add_argument(
        "--record",
        action="store_true",
        help="also write the weights after every epoch, for plot_surface.py",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted run with the same options; --epochs may be higher",
    )
    parser.add_argument("--show-batch", action="store_true", help="print the first batch")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    args = parser.parse_args()
    args.recipe = recipe_of(parser, args)
    return args


def main(args):
    outputs = {"model": args.model, "history": args.model.with_suffix(".csv")}
    record_file = args.model.with_suffix(".npz")
    if args.record:
        outputs["record"] = record_file
    for file in outputs.values():
        keras_xor.files.check_writable(file)

    model = keras_xor.build_model(args.recipe, args.seed)
    recorder = keras_xor.files.Recorder() if args.record else None
    checkpoint = checkpoint_of(args, recorder)
    epochs_done = checkpoint.restore(model, args.recipe.epochs) if args.resume else 0
    check_place(checkpoint, args.resume)
    if not args.quiet:
        introduce(model, args, epochs_done)
    try:
        history = keras_xor.train(
            model,
            args.recipe,
            args.seed,
            callbacks=[recorder, checkpoint] if recorder else [checkpoint],
            verbose=0 if args.quiet else 1 if sys.stdout.isatty() else 2,
            initial_epoch=epochs_done,
        )
        keras_xor.files.save_run(outputs, model, history, recorder.weights if recorder else None)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(advice(checkpoint)) from None
    checkpoint.delete()
    if not args.quiet:
        conclude(model, outputs)
    if not args.record:
        tell_of_record(record_file)


def checkpoint_of(args, recorder):
    settings = settings_of(args.recipe) | {"--seed": args.seed, "--record": args.record}
    del settings["--epochs"]  # A resumed run may have more.
    file = args.model.with_suffix(".checkpoint")
    return keras_xor.files.Checkpoint(file, settings, recorder)


def check_place(checkpoint, resume):
    """Check that the checkpoint can be written, and report an existing one."""
    epochs_done, difference = checkpoint.found()
    if difference:
        say(f"this run saves no checkpoint, to keep {checkpoint.path}: {difference}")
        return
    keras_xor.files.check_writable(checkpoint.path)
    if epochs_done and not resume:
        say(f"{checkpoint.path} has {epochs_done} epochs of this run: use --resume to continue")


def advice(checkpoint):
    epochs_done, _ = checkpoint.found()
    if epochs_done:
        return f"continue with {command_to_resume()}"
    return "no checkpoint of this run was saved, run it again"


def tell_of_record(file):
    try:
        record = keras_xor.files.load_record(file)
    except keras_xor.KerasXorError:  # There is none.
        return
    if keras_xor.files.is_record_of_another(record, file):
        say(f"{file} is the record of another run: use --record to replace it")


def introduce(model, args, epochs_done):
    if args.show_batch:
        x, y = next(iter(keras_xor.xor_batches(args.recipe.batch_size, args.seed)))
        print(f"The first batch: x1, x2 and y, each {y.dtype.name} of shape {tuple(y.shape)}")
        for name, values in {**x, "y": y}.items():
            print(f"{name:>2} {values.numpy().ravel()}")
        print()
    if shutil.get_terminal_size().columns >= 40:
        model.summary()
    else:  # Keras's table does not fit, or fails.
        print(f"{model.name}: {model.count_params()} parameters")
    print(f"Training on {keras_xor.training.device()}, compiled by XLA")
    if epochs_done:
        print(f"Resuming after epoch {epochs_done}")
    elif args.resume:
        print("Nothing to resume: starting over")


def conclude(model, outputs):
    points = keras_xor.prediction.predictions(model, *keras_xor.data.TRUTH_TABLE)
    right = sum(point["class"] == (point["x1"] != point["x2"]) for point in points)
    print()
    print(prediction_table(points))
    print()
    if right < len(points):
        print(f"Only {right} of the {len(points)} are right. {ADVICE}\n")
    for name, file in outputs.items():
        print(f"{name + ':':<8} {file}")


if __name__ == "__main__":
    run(main, arguments)
