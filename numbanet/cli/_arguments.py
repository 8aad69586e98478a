"""The options of every command, and the checks that they can have before any data are seen."""

import argparse
import difflib

from .. import initializers
from .._checks import integer, number
from .._version import __version__
from ..layers import ACTIVATIONS, NORMALIZATIONS
from ..optim import RULES
from ._models import MODELS, SHARED
from ._status import UsageError

SOURCES = "digits (bundled), mnist:FOLDER, cifar10:FOLDER, FILE.npz, FILE.csv or FILE.tsv"
CLASSIFYING_LOSSES = ("softmax", "svm")
AUGMENTATIONS = ("crop", "flip")
SCHEDULES = {"exponential": {"lr_decay": 0.95}, "step": {"lr_decay": 0.1, "lr_step": None}, "cosine": {}}


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options):
        # An abbreviation that works today is an error once another option begins the same.
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message):
        raise UsageError(f"{message}; see {self.prog} --help")


def parse(argv=None):
    """The arguments as a namespace whose `command` is a function of it; UsageError where they make no sense."""
    parser, commands = _parser()
    arguments, unknown = parser.parse_known_args(argv)
    asked = commands.get(arguments.name, parser)
    if unknown:
        options = [option for action in asked._actions for option in action.option_strings]
        close = [option for option in options if option.startswith(unknown[0])]
        close = close or difflib.get_close_matches(unknown[0], options, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
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

    return train(arguments)


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
    group = parser.add_argument_group("data")
    group.add_argument("--data", metavar="SOURCE", default="digits", help=f"{SOURCES}; default: %(default)s")
    _add_target(group)
    group.add_argument(
        "--test-fraction",
        type=_fraction,
        metavar="F",
        help="part of the data held out for the test at the end; default: 0.2. Not for data that come with a test part",
    )
    group.add_argument(
        "--validation-fraction",
        type=_fraction,
        metavar="F",
        default=0.1,
        help="part of the training data that chooses the best epoch; default: %(default)s",
    )

    group.add_argument(
        "--augment",
        type=_augmentations,
        metavar="KIND,...",
        default=[],
        help="change the training pictures at random: crop shifts them, flip mirrors them left to right; default: none",
    )
    group.add_argument(
        "--crop-padding",
        type=_count,
        metavar="N",
        help="pixels that crop shifts by at most; default: an eighth of a side",
    )

    group = parser.add_argument_group("network")
    group.add_argument("--model", choices=MODELS, default="fully-connected", help=_choices(MODELS))
    group.add_argument(
        "--hidden",
        type=_widths,
        metavar="N,N,...",
        help=f"widths of the hidden layers, or none for a linear classifier; {_defaults('hidden')}",
    )
    group.add_argument(
        "--normalization",
        choices=(*NORMALIZATIONS, "none"),
        help=f"{', '.join((*NORMALIZATIONS, 'none'))}; {_defaults('normalization')}",
    )
    group.add_argument(
        "--dropout-keep-ratio",
        type=_keep_ratio,
        metavar="P",
        help="probability that dropout keeps a value, 1 for no dropout. Where others say dropout 0.3, this is 0.7; "
        f"{_defaults('dropout_keep_ratio')}",
    )
    group.add_argument("--activation", choices=ACTIVATIONS, help=f"{', '.join(ACTIVATIONS)}; {_defaults('activation')}")
    group.add_argument(
        "--weight-init",
        type=_initializer,
        metavar="INIT",
        help=f"{', '.join(initializers.BY_NAME)}, or the standard deviation of a Gaussian; {_defaults('weight_init')}",
    )
    group.add_argument("--filters", type=_count, metavar="N", help=f"of the convolution; {_defaults('filters')}")
    group.add_argument(
        "--filter-size", type=_count, metavar="N", help=f"pixels of a side of a filter; {_defaults('filter_size')}"
    )
    group.add_argument(
        "--widths",
        type=_counts,
        metavar="N,N,...",
        help=f"filters of each block of convolutions or stage; {_defaults('widths')}",
    )
    group.add_argument("--blocks", type=_count, metavar="N", help=f"residual blocks in a stage; {_defaults('blocks')}")
    group.add_argument("--loss", choices=CLASSIFYING_LOSSES, default="softmax", help=_choices(CLASSIFYING_LOSSES))
    group.add_argument(
        "--l2",
        type=_at_least_zero,
        metavar="C",
        help=f"L2 penalty, C/2 times the sum of squared weights; {_defaults('l2')}",
    )
    group.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help=_choices(("float32", "float64"))
    )

    group = parser.add_argument_group("optimization")
    group.add_argument("--optimizer", choices=RULES, help=f"{', '.join(RULES)}; {_defaults('optimizer')}")
    for name, type_ in _RULE_OPTIONS.items():
        option, text = _flag(name), _rule_help(name)
        if type_ is bool:
            group.add_argument(option, action="store_true", default=None, help=text)
        else:
            group.add_argument(option, type=type_, metavar="X", help=text)
    group.add_argument(
        "--lr-schedule",
        choices=SCHEDULES,
        help="how the learning rate changes from epoch to epoch: exponential multiplies it by --lr-decay, step does so "
        f"every --lr-step epochs, cosine goes down to 0 along half a wave; {_defaults('lr_schedule')}",
    )
    group.add_argument(
        "--lr-decay",
        type=_above_zero,
        metavar="X",
        help="factor for the learning rate; default: "
        + ", ".join(f"{options['lr_decay']:g} for {name}" for name, options in SCHEDULES.items() if options),
    )
    group.add_argument(
        "--lr-step", type=_count, metavar="N", help="epochs between two steps; default: a third of all, rounded up"
    )
    group.add_argument("--batch-size", type=_count, metavar="N", help=_defaults("batch_size"))
    group.add_argument("--epochs", type=_count, metavar="N", help=_defaults("epochs"))
    group.add_argument(
        "--patience",
        type=_count,
        metavar="N",
        help="stop after N epochs without a better validation accuracy; default: go on to the end",
    )

    group = parser.add_argument_group("run")
    group.add_argument(
        "--seed",
        type=_seed,
        metavar="N",
        default=0,
        help="of the split, the initial weights, dropout and the order of the examples; default: %(default)s",
    )
    group.add_argument(
        "--output",
        type=_path,
        metavar="FOLDER",
        help="for model.npz, history.csv and run.json; a run that is there already is never overwritten; "
        "default: numbanet-runs/NAME-N, with the next free N",
    )
    _add_threads(group)
    group.add_argument("--quiet", action="store_true", help="no progress, only the result")
    _add_plots(parser)


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
    _add_target(parser)
    _add_threads(parser)
    _add_plots(parser)


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
    _add_target(parser)
    parser.add_argument(
        "--output", type=_path, metavar="FILE.csv", help="where the labels go; default: standard output"
    )
    _add_threads(parser)


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
        help=_choices(("float32", "float64", "both")),
    )
    parser.add_argument(
        "--processes", type=_count, metavar="N", help="that compile side by side; default: one for each thread, up to 4"
    )


def _add_info(commands):
    _add_command(commands, "info", _info, "Print versions, CPU, threads and the cache of kernels", "numbanet info")


def _add_bench(commands):
    parser = _add_command(
        commands,
        "bench",
        _bench,
        "Measure the kernels on this machine, against their references and other libraries",
        "numbanet bench --quick --operations affine,adam_update,networks",
    )
    parser.add_argument(
        "--operations",
        metavar="NAME,...",
        help="operations, patterns such as '*_loss', families, or networks for steps of training; default: all",
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
    _add_threads(parser)


def _add_model(parser):
    parser.add_argument("model", metavar="MODEL", help="a model.npz that numbanet wrote, or the folder it is in")


def _add_target(parser):
    parser.add_argument(
        "--target",
        metavar="COLUMN",
        help="the column of labels in a CSV or TSV file, by name or by index from 0, negative from the end; "
        "default: the last, or for a trained network the one it was trained with",
    )


def _add_threads(parser):
    parser.add_argument("--threads", type=_count, metavar="N", help="default: all that this process may use")


def _add_plots(parser):
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--plot-filters",
        type=_png,
        metavar="FILE.png",
        help="what the first layer has learnt: a picture of its weights, for networks that see pictures",
    )
    group.add_argument(
        "--plot-features",
        type=_png,
        metavar="FILE.png",
        help="what a convolutional network makes of the first test picture: the maps of its activations",
    )


def _defaults(option):
    """The default of an option, or those of the models that have it."""
    if option in SHARED and all(option not in model.shared for model in MODELS.values()):
        return f"default: {_shown(SHARED[option])}"
    by_default = {}
    for name, model in MODELS.items():
        if option in model.own or option in SHARED:
            value = model.own[option] if option in model.own else {**SHARED, **model.shared}[option]
            by_default.setdefault(_shown(value), []).append(name)
    return "default: " + "; ".join(f"{value} for {', '.join(names)}" for value, names in by_default.items())


def _shown(value):
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _choices(names, *more):
    return f"{', '.join((*names, *more))}; default: %(default)s"


def _checked(check, convert, *args, **options):
    """A type for argparse: `convert` the text, then one of numbanet's own checks."""

    def type_(text):
        try:
            value = convert(text)
        except ValueError:
            kind = "a whole number" if convert is int else "a number"
            raise argparse.ArgumentTypeError(f"expected {kind}, got {text!r}") from None
        try:
            return check("", value, *args, **options)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error).removeprefix(": ")) from None  # argparse names the option

    return type_


_count = _checked(integer, int, 1)
_seed = _checked(integer, int, 0, 2**63 - 1)
_fraction = _checked(number, float, 0, 1, include_low=False, include_high=False)
_keep_ratio = _checked(number, float, 0, 1, include_low=False)
_below_one = _checked(number, float, 0, 1, include_high=False)
_at_least_zero = _checked(number, float, 0, include_high=False)
_above_zero = _checked(number, float, 0, include_low=False, include_high=False)

_RULE_OPTIONS = {
    "learning_rate": _at_least_zero,
    "momentum": _below_one,
    "decay_rate": _below_one,
    "beta1": _below_one,
    "beta2": _below_one,
    "epsilon": _at_least_zero,
    "epsilon_inside_root": bool,
    "weight_decay": _at_least_zero,
}


def _rule_help(name):
    """For which update rules an option is, and their defaults, out of their own table."""
    rules = {}
    for rule_name, rule in RULES.items():
        if name in rule.options:
            rules.setdefault(rule.options[name], []).append(rule_name)
    if _RULE_OPTIONS[name] is bool:
        return f"add epsilon under the square root instead of to it ({', '.join(sum(rules.values(), []))})"
    return "default: " + "; ".join(f"{default:g} for {', '.join(names)}" for default, names in rules.items())


def rule_options(arguments):
    """Those options of the update rule that were given; UsageError where the rule has no such option."""
    given = {name: value for name in _RULE_OPTIONS if (value := getattr(arguments, name)) is not None}
    known = RULES[arguments.optimizer].options
    for name in given:
        if name not in known:
            listed = ", ".join(map(_flag, known))
            raise UsageError(f"{_flag(name)} is not for --optimizer {arguments.optimizer}, which has {listed}")
    return given


def settle(arguments):
    """Give the options that were left out the defaults of the model; UsageError for those that it does not have."""
    model = MODELS[arguments.model]
    for option in sorted({option for model in MODELS.values() for option in model.own}):
        if getattr(arguments, option) is None:
            setattr(arguments, option, model.own.get(option))
        elif option not in model.own:
            listed = ", ".join(_flag(own) for own in model.own)
            raise UsageError(f"{_flag(option)} is not for --model {arguments.model}, which has {listed}")
    own_optimizer = arguments.optimizer is None
    for option, default in {**SHARED, **model.shared}.items():
        if getattr(arguments, option) is None:
            setattr(arguments, option, default)
    if own_optimizer:  # the options of another would mean nothing
        for option, default in model.rule_options.items():
            if getattr(arguments, option) is None:
                setattr(arguments, option, default)
    _settle_schedule(arguments)
    if arguments.crop_padding is not None and "crop" not in arguments.augment:
        raise UsageError("--crop-padding is for --augment crop")
    if arguments.model == "three-layer-convnet" and len(arguments.hidden) != 1:
        raise UsageError(f"--hidden: expected one width for --model three-layer-convnet, got {len(arguments.hidden)}")


def _settle_schedule(arguments):
    defaults = {**SCHEDULES[arguments.lr_schedule]}
    if "lr_step" in defaults:
        defaults["lr_step"] = -(-arguments.epochs // 3)
    for option in ("lr_decay", "lr_step"):
        if getattr(arguments, option) is None:
            setattr(arguments, option, defaults.get(option))
        elif option not in defaults:
            raise UsageError(f"{_flag(option)} is not for --lr-schedule {arguments.lr_schedule}")


def _flag(option):
    return f"--{option.replace('_', '-')}"


def _png(text):
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"expected the name of a file that ends in .png, got {text!r}")
    return text


def _augmentations(text):
    kinds = [] if text == "none" else text.split(",")
    for kind in kinds:
        if kind not in AUGMENTATIONS:
            raise argparse.ArgumentTypeError(f"expected {' or '.join(AUGMENTATIONS)}, got {kind!r}")
    return kinds


def _counts(text):
    return [_count(width) for width in text.split(",")]


def _path(text):
    if not text:  # as of a variable of the shell that is not set; Path("") would be the working folder
        raise argparse.ArgumentTypeError("expected a path, got ''")
    return text


def _widths(text):
    return [] if text == "none" else _counts(text)


def _initializer(text):
    try:
        return _at_least_zero(text) if text not in initializers.BY_NAME else text
    except argparse.ArgumentTypeError:
        known = ", ".join(initializers.BY_NAME)
        raise argparse.ArgumentTypeError(f"expected one of {known}, or a number, got {text!r}") from None
