"""The commands of ``numbanet``, and their arguments."""

import argparse

from .._plain import did_you_mean
from .._version import __version__
from ._options import SOURCES, add_meaning, add_plots, add_target, add_threads, choices, count, path
from ._status import UsageError
from ._sweep_options import add_sweep_options
from ._train_options import add_train_options

CALLED_ELSEWHERE = {"--lr": "--learning-rate", "--wd": "--weight-decay", "--bs": "--batch-size"}


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options):
        # An abbreviation that works today is an error once another option begins the same.
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message):
        raise UsageError(f"{message}; see {self.prog} --help")

    def _check_value(self, action, value):
        """argparse's own, which lists the choices, with the one that was probably meant."""
        if action.choices is not None and value not in action.choices:
            listed, hint = ", ".join(map(str, action.choices)), did_you_mean(value, action.choices)
            raise argparse.ArgumentError(action, f"expected one of {listed}, got {value!r}{hint}")


def parse(argv=None):
    """The arguments as a namespace whose `command` is a function of it; UsageError where they make no sense."""
    parser, commands = _parser()
    arguments, unknown = parser.parse_known_args(argv)
    asked = commands.get(arguments.name, parser)
    if "rest" in arguments:  # options of another command
        arguments.rest, unknown = unknown, []
    if unknown:
        options = [option for action in asked._actions for option in action.option_strings]
        option = unknown[0].partition("=")[0]
        hint = did_you_mean(CALLED_ELSEWHERE.get(option, option), options)
        raise UsageError(f"{asked.prog} has no option or argument {unknown[0]}{hint}")
    if asked is parser:
        parser.error(f"expected a command: {', '.join(commands)}")
    return arguments


def _parser():
    parser = _Parser(
        prog="numbanet",
        description="Train small neural networks on this machine's CPU, and use them.",
        epilog="example:\n  numbanet train\n  numbanet evaluate numbanet-runs/digits-1 new.csv\n\n"
        "numbanet COMMAND --help lists the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"numbanet {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="name")  # whether there is one, `parse` checks
    _add_train(commands)
    _add_sweep(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    _add_warmup(commands)
    _add_info(commands)
    _add_bench(commands)
    return parser, commands.choices


def _add_command(commands, name, function, summary, example):
    """A command; `function` is its module's, which is imported when it runs."""
    parser = commands.add_parser(name, help=summary, description=f"{summary}.", epilog=f"example:\n  {example}")
    parser.set_defaults(command=function)
    return parser


def _train(arguments):
    from ._train import train

    return train(arguments, parse([arguments.name]))


def _sweep(arguments):
    from ._sweep import sweep

    return sweep(arguments, parse)


def _evaluate(arguments):
    from ._apply import evaluate

    return evaluate(arguments)


def _predict(arguments):
    from ._apply import predict

    return predict(arguments)


def _warmup(arguments):
    from ._warmup import warmup

    return warmup(arguments)


def _info(arguments):
    from ._info import info

    return info(arguments)


def _bench(arguments):
    from ._bench import bench

    return bench(arguments)


def _add_train(commands):
    parser = _add_command(
        commands,
        "train",
        _train,
        "Train a network",
        "numbanet train --data table.csv --target species --hidden 64,32 --epochs 100 --patience 10",
    )
    add_train_options(parser)


def _add_sweep(commands):
    parser = _add_command(
        commands,
        "sweep",
        _sweep,
        "Train many networks with options out of a space, and find the best",
        "numbanet sweep --data table.csv --epochs 50 --space learning_rate=1e-4..1e-1:log --space 'hidden=64|256,256'"
        "\n\nAll other options are those of numbanet train, for every trial.",
    )
    parser.set_defaults(rest=[])
    add_sweep_options(parser)


def _add_evaluate(commands):
    parser = _add_command(
        commands,
        "evaluate",
        _evaluate,
        "Measure a trained network on labelled data",
        "numbanet evaluate numbanet-runs/digits-1 mnist:FOLDER",
    )
    _add_model(parser)
    parser.add_argument("data", metavar="DATA", help=f"{SOURCES}; of data in two parts, the test part is taken")
    add_target(parser)
    add_meaning(parser)
    add_threads(parser)
    add_plots(parser)


def _add_predict(commands):
    parser = _add_command(
        commands,
        "predict",
        _predict,
        "Label new data with a trained network",
        "numbanet predict numbanet-runs/digits-1 new.npz --output labels.csv",
    )
    _add_model(parser)
    parser.add_argument("data", metavar="DATA", help=f"{SOURCES}, or FILE.npy; labels in it are not looked at")
    add_target(parser)
    add_meaning(parser)
    parser.add_argument(
        "--id",
        metavar="COLUMN",
        help="the column of a table that tells the rows apart, to be written too; default: that of the training",
    )
    parser.add_argument("--proba", action="store_true", help="write the probabilities of all classes")
    parser.add_argument("--output", type=path, metavar="FILE.csv", help="where the labels go; default: standard output")
    add_threads(parser)


def _add_warmup(commands):
    parser = _add_command(
        commands,
        "warmup",
        _warmup,
        "Compile every kernel ahead of time, so that no training waits for it",
        "numbanet warmup --dtype float64",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float64", "both"),
        default="float32",
        help=choices(("float32", "float64", "both")),
    )
    parser.add_argument(
        "--processes", type=count, metavar="N", help="that compile side by side; default: one for each thread"
    )
    parser.add_argument(
        "--parallel", action="store_true", help="the parallel forms too, which single calls on large arrays run"
    )


def _add_info(commands):
    parser = _add_command(
        commands,
        "info",
        _info,
        "Print versions, CPU, threads and the cache of kernels; or what a trained model is",
        "numbanet info\n  numbanet info numbanet-runs/digits-1",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a model.npz, or the folder of a run")


def _add_bench(commands):
    parser = _add_command(
        commands,
        "bench",
        _bench,
        "Measure the kernels on this machine, against their references and other libraries",
        "numbanet bench --quick --operations affine,adam_update,networks\n  numbanet bench --profile LeNet",
    )
    parser.add_argument(
        "--operations",
        metavar="NAME,...",
        help="operations, patterns such as '*_loss', families, or networks for steps of training; default: all",
    )
    parser.add_argument(
        "--profile",
        metavar="NET",
        help="the time of each operation within the steps of a network: a name in the table, or a part of one",
    )
    parser.add_argument("--quick", action="store_true", help="one size of each, and fewer samples")
    parser.add_argument(
        "--peers",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="compare with torch, JAX and scikit-learn where they are installed; default: --peers",
    )
    parser.add_argument("--markdown", action="store_true", help="print a table in Markdown")
    parser.add_argument(
        "--write", metavar="FILE", help="put that table into a file, between the markers that are in it"
    )
    add_threads(parser)


def _add_model(parser):
    parser.add_argument("model", metavar="MODEL", help="a model.npz that numbanet wrote, or the folder it is in")
