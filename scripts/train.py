"""Train the XOR network; write the model and, next to it, the run: history and weights."""

import shutil
import sys

import keras_xor
from keras_xor import KerasXorError, cli


def arguments():
    parser = cli.Parser(__doc__, "train.py --hidden-units 4x4 --optimizer adam")
    cli.add_recipe(parser)
    files = parser.add_argument_group("files")
    help = "where to write the model; the run goes beside it, with .run.npz"
    cli.add_value(files, "--model", cli.path_parser(".keras"), help, cli.MODEL_FILE)
    cli.add_value(files, "--csv", cli.path_parser(".csv"), "also write the history as CSV")
    run = parser.add_argument_group("run")
    cli.add_seed(run, "seed of the initial weights and the batches")
    cli.add_device(run)
    help = "continue the run with the same options; --epochs may be higher"
    run.add_argument("--resume", action="store_true", help=help)
    run.add_argument("--show-batch", action="store_true", help="print the first batch")
    run.add_argument("--quiet", action="store_true", help="print nothing but errors")
    args = parser.parse_args()
    args.recipe = cli.parse_recipe(parser, args)
    return args


def main(args):
    outputs = {"model": args.model, "run": args.model.with_suffix(".run.npz"), "csv": args.csv}
    outputs = {name: file for name, file in outputs.items() if file}
    for file in outputs.values():
        keras_xor.files.check_writable(file)
    if not args.resume:
        check_unfinished(outputs["run"], args.model)
    run = train(args, outputs["run"])
    model = run.model()
    keras_xor.save_model(model, args.model)
    if args.csv:
        run.to_csv(args.csv)
    if not args.quiet:
        conclude(run, model, outputs)


def check_unfinished(file, model):
    if run := keras_xor.recording.find_unfinished(file):
        more = [] if model == cli.MODEL_FILE else ["--model", str(model)]
        command = cli.write_command(run.recipe, run.seed, *more, "--resume")
        raise KerasXorError(
            f"{file} has {run.epochs_done} of {run.recipe.epochs} epochs of an unfinished run: "
            f"continue it with {command}, or delete it"
        )


def train(args, file):
    import keras

    introduction = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: introduce(args))
    try:
        run = keras_xor.train_run(
            args.recipe,
            args.seed,
            file,
            resume=args.resume,
            callbacks=[] if args.quiet else [introduction],
            verbose=0 if args.quiet else 1 if sys.stdout.isatty() else 2,
        )
    except KeyboardInterrupt:
        if keras_xor.recording.find_unfinished(file):
            raise KeyboardInterrupt(f"continue with {cli.repeat_command('--resume')}") from None
        raise
    if run.diverged:
        raise keras_xor.training.DivergedError(run.epochs_done, run.history["loss"][-1])
    return run


def introduce(args):
    if args.show_batch:
        x, y = next(iter(keras_xor.data.recipe_batches(args.recipe, args.seed)))
        kinds = f"x1 and x2 {x['x1'].dtype.name}, y {y.dtype.name}"
        print(f"The first batch: {kinds}, each of shape {tuple(y.shape)}")
        for name, values in {**x, "y": y}.items():
            print(f"{name:>2} {values.numpy().ravel()}")
        print()
    model = keras_xor.build_model(args.recipe)
    if shutil.get_terminal_size().columns >= 40:
        model.summary()
    else:  # Keras's table does not fit, or fails.
        print(f"{model.name}: {model.count_params()} parameters")
    print(f"Training on {keras_xor.runtime.get_device_name()}, compiled by XLA")


def conclude(run, model, outputs):
    points = keras_xor.prediction.list_predictions(model, *keras_xor.data.TRUTH_TABLE)
    print()
    print(cli.format_predictions(points, run.recipe.labels))
    print()
    print(keras_xor.outcomes.describe_outcome(run))
    print()
    for name, file in outputs.items():
        print(f"{name + ':':<8} {file}")


if __name__ == "__main__":
    cli.run_script(main, arguments)
