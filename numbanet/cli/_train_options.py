"""The options of ``numbanet train``, and what those that are left out stand for."""

import argparse

from .._names import ACTIVATIONS, INITIALIZERS, NORMALIZATIONS, RULES
from .._plain import did_you_mean
from ._models import MODELS, SHARED
from ._options import (
    SOURCES,
    above_zero,
    add_columns,
    add_meaning,
    add_plots,
    add_target,
    add_threads,
    at_least_zero,
    below_one,
    choices,
    count,
    counts,
    flag,
    fraction,
    is_table,
    path,
    seed,
    settings,
)
from ._status import UsageError
from ._tasks import LOSSES, MONITORS, TASKS, settle_task

AUGMENTATIONS = ("crop", "flip")
WARMED = {"lr_warmup": lambda epochs: 0.0}
PRESETS = ("ensemble", "fast", "td", "td-s", "mlp")  # of numbanet.tabular
TABULAR_RULE = ("learning_rate", "beta2", "weight_decay")  # options of the update rule that recipes have
NOT_FOR_TABLES = ("optimizer", "l2", "lr_decay", "lr_step", "lr_warmup", "channels", "augment", "crop_padding")
TABULAR_LOSSES = ("softmax", "squared_error", "absolute_error", "huber")
SCHEDULES = {  # options and their defaults by the number of epochs, so that the rate falls over the whole run
    "constant": WARMED,
    "exponential": {"lr_decay": lambda epochs: 0.01 ** (1 / epochs), **WARMED},
    "step": {"lr_decay": lambda epochs: 0.1, "lr_step": lambda epochs: -(-epochs // 3), **WARMED},
    "linear": WARMED,
    "cosine": WARMED,
    "flat-cosine": WARMED,
    "coslog4": {},
    "one-cycle": {},
    "cooldown": {},
}
_RULE_OPTIONS = {
    "learning_rate": at_least_zero,
    "momentum": below_one,
    "decay_rate": below_one,
    "beta1": below_one,
    "beta2": below_one,
    "eps": at_least_zero,
    "eps_inside_root": bool,
    "weight_decay": at_least_zero,
}


def add_train_options(parser):
    """All of them, in groups."""
    _add_data(parser.add_argument_group("data"))
    _add_network(parser.add_argument_group("network"))
    _add_tabular(parser.add_argument_group("tables"))
    _add_optimization(parser.add_argument_group("optimization"))
    _add_run(parser.add_argument_group("run"))
    add_plots(parser)


def _add_data(group):
    group.add_argument("--data", metavar="SOURCE", default="digits", help=f"{SOURCES}; default: %(default)s")
    add_target(group)
    add_meaning(group)
    group.add_argument(
        "--task",
        choices=TASKS,
        help="classification: the labels are classes; regression: they are values. Default: by what they look like, "
        "which is said",
    )
    group.add_argument(
        "--test-fraction",
        type=fraction,
        metavar="F",
        help="part of the data held out for the test at the end; default: 0.2. Not for data that come with a test part",
    )
    group.add_argument(
        "--validation-fraction",
        type=fraction,
        metavar="F",
        help="part of the training data that chooses the best epoch; default: 0.1. Not for data that come with one",
    )

    group.add_argument(
        "--augment",
        type=_augmentations,
        metavar="KIND,...",
        default=[],
        help="change the training images at random: crop shifts them, flip mirrors them left to right; default: none",
    )
    group.add_argument(
        "--crop-padding",
        type=count,
        metavar="N",
        help="pixels that crop shifts by at most; default: an eighth of a side",
    )


def _add_network(group):
    group.add_argument(
        "--model",
        choices=MODELS,
        help=f"{', '.join(MODELS)}; default: tabular for tables in text, Parquet or Arrow files, else fully-connected",
    )
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
        "--dropout",
        type=below_one,
        metavar="P",
        help=f"probability that dropout drops a value; {_defaults('dropout')}",
    )
    group.add_argument("--activation", choices=ACTIVATIONS, help=f"{', '.join(ACTIVATIONS)}; {_defaults('activation')}")
    group.add_argument(
        "--weight-init",
        type=_initializer,
        metavar="INIT",
        help=f"{', '.join(INITIALIZERS)}, or the standard deviation of a Gaussian; {_defaults('weight_init')}",
    )
    group.add_argument("--filters", type=count, metavar="N", help=f"of the convolution; {_defaults('filters')}")
    group.add_argument(
        "--kernel-size", type=count, metavar="N", help=f"pixels of a side of a filter; {_defaults('kernel_size')}"
    )
    group.add_argument(
        "--widths",
        type=counts,
        metavar="N,N,...",
        help=f"filters of each block of convolutions or stage; {_defaults('widths')}",
    )
    group.add_argument("--blocks", type=count, metavar="N", help=f"residual blocks in a stage; {_defaults('blocks')}")
    group.add_argument(
        "--loss",
        choices=LOSSES,
        help="; ".join(f"for {name} {', '.join(task.losses)}" for name, task in TASKS.items()) + "; default: the first",
    )
    group.add_argument(
        "--l2",
        type=at_least_zero,
        metavar="C",
        help=f"L2 penalty, C/2 times the sum of squared weights; {_defaults('l2')}",
    )
    group.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help=choices(("float32", "float64"))
    )


def _add_tabular(group):
    add_columns(group)
    group.add_argument("--id", metavar="COLUMN", help="tells the rows apart: not learnt from, and kept in predictions")
    group.add_argument(
        "--preset",
        choices=PRESETS,
        help=f"{', '.join(PRESETS)}: several small networks, one, RealMLP's two, a plain one; {_defaults('preset')}",
    )
    group.add_argument(
        "--label-smoothing",
        type=below_one,
        metavar="X",
        help=f"part of the target that all classes get alike; {_defaults('label_smoothing')}",
    )
    group.add_argument(
        "--n-members",
        type=count,
        metavar="N",
        help=f"networks in one, which share their weights but for scalings (TabM); {_defaults('n_members')}",
    )
    group.add_argument(
        "--n-packed",
        type=count,
        metavar="N",
        help=f"networks by themselves, trained side by side; {_defaults('n_packed')}",
    )
    group.add_argument(
        "--recipe",
        type=settings,
        metavar="NAME=VALUE,...",
        help="other options of numbanet.tabular.recipe, such as ntk=false,clip=0",
    )


def _add_optimization(group):
    group.add_argument("--optimizer", choices=RULES, help=f"{', '.join(RULES)}; {_defaults('optimizer')}")
    for name, type_ in _RULE_OPTIONS.items():
        option, text = flag(name), _rule_help(name)
        if type_ is bool:
            group.add_argument(option, action="store_true", default=None, help=text)
        else:
            group.add_argument(option, type=type_, metavar="X", help=text)
    group.add_argument(
        "--lr-schedule",
        choices=SCHEDULES,
        help="how the learning rate changes: exponential multiplies it by --lr-decay after each epoch, step does so "
        "every --lr-step epochs, cosine goes down to 0 along half a wave, from epoch to epoch, flat-cosine so in the "
        "second half, linear in a line, cooldown so in the last quarter; coslog4 goes through four waves; one-cycle "
        f"goes up and down, and the momentum down and up; {_defaults('lr_schedule')}",
    )
    group.add_argument(
        "--lr-decay",
        type=above_zero,
        metavar="X",
        help="factor for the learning rate; default: 0.1 for step; for exponential what leaves a hundredth at the end",
    )
    group.add_argument(
        "--lr-step", type=count, metavar="N", help="epochs between two steps; default: a third of all, rounded up"
    )
    group.add_argument(
        "--lr-warmup",
        type=at_least_zero,
        metavar="X",
        help="number of steps in which the rate rises to its full height; below 1, their share of all; default: 0",
    )
    group.add_argument("--batch-size", type=count, metavar="N", help=_defaults("batch_size"))
    group.add_argument("--epochs", type=count, metavar="N", help=_defaults("epochs"))
    group.add_argument(
        "--patience",
        type=count,
        metavar="N",
        help="stop after N epochs without a gain on the validation data; default: go on to the end",
    )
    group.add_argument(
        "--min-delta",
        type=at_least_zero,
        metavar="X",
        default=0.0,
        help="a gain by less than that does not count for --patience; default: %(default)s",
    )
    group.add_argument(
        "--monitor",
        choices=MONITORS,
        help="what tells the best epoch and a gain: the lowest validation loss (val_loss) or, for classification, the "
        "highest accuracy (val_accuracy), for regression the highest R² (val_r2) or the lowest error (val_rmse, "
        "val_mae); of equally good epochs the last is the best; "
        f"{_defaults('monitor')}",
    )


def _add_run(group):
    group.add_argument(
        "--seed",
        type=seed,
        metavar="N",
        default=0,
        help="of the split, the initial weights, dropout and the order of the examples; default: %(default)s",
    )
    group.add_argument(
        "--resume",
        type=path,
        metavar="FOLDER",
        help="go on with a run that was stopped or killed, with its options and on its data; alone, but for --threads "
        "and --quiet",
    )
    group.add_argument(
        "--output",
        type=path,
        metavar="FOLDER",
        help="for model.npz, history.csv and run.json; a run that is there already is never overwritten; "
        "default: numbanet-runs/NAME-N, with the next free N",
    )
    add_threads(group)
    group.add_argument("--quiet", action="store_true", help="no progress, only the result")


def rule_options(arguments):
    """Those options of the update rule that were given; UsageError where the rule has no such option."""
    given = {name: value for name in _RULE_OPTIONS if (value := getattr(arguments, name)) is not None}
    known, whose = TABULAR_RULE, "--model tabular"
    if arguments.model != "tabular":
        known, whose = RULES[arguments.optimizer].options, f"--optimizer {arguments.optimizer}"
    for name in given:
        if name not in known:
            raise UsageError(f"{flag(name)} is not for {whose}, which has {', '.join(map(flag, known))}")
    return given


def settle(arguments):
    """Give the options that were left out the defaults of the model; UsageError for those that it does not have."""
    settle_task(arguments)
    if arguments.model is None:
        arguments.model = "tabular" if is_table(arguments.data) else "fully-connected"
    model = MODELS[arguments.model]
    for option in sorted({option for model in MODELS.values() for option in model.own}):
        if getattr(arguments, option) is None:
            setattr(arguments, option, model.own.get(option))
        elif option not in model.own:
            listed = ", ".join(flag(own) for own in model.own)
            raise UsageError(f"{flag(option)} is not for --model {arguments.model}, which has {listed}")
    if arguments.model == "tabular":
        _refuse_for_tables(arguments)
        return
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


def _refuse_for_tables(arguments):
    """UsageError for options that mean nothing to tables."""
    for option in NOT_FOR_TABLES:
        if getattr(arguments, option) not in (None, []):
            raise UsageError(f"{flag(option)} is not for --model tabular")
    if arguments.loss not in (None, *TABULAR_LOSSES):
        raise UsageError(f"--loss {arguments.loss} is not for --model tabular, which has {', '.join(TABULAR_LOSSES)}")


def _settle_schedule(arguments):
    defaults = {option: default(arguments.epochs) for option, default in SCHEDULES[arguments.lr_schedule].items()}
    for option in ("lr_decay", "lr_step", "lr_warmup"):
        if getattr(arguments, option) is None:
            setattr(arguments, option, defaults.get(option))
        elif option not in defaults:
            others = " or ".join(name for name, options in SCHEDULES.items() if option in options)
            raise UsageError(
                f"{flag(option)} is not for --lr-schedule {arguments.lr_schedule}; add --lr-schedule {others}"
            )


def _defaults(option):
    """The default of an option, or those of the models that have it."""
    if option in SHARED and all(option not in model.shared for model in MODELS.values()):
        return f"default: {_shown(SHARED[option])}"
    by_default = {}
    for name, model in MODELS.items():
        if option in model.own or (option in SHARED and not (name == "tabular" and option in NOT_FOR_TABLES)):
            value = model.own[option] if option in model.own else {**SHARED, **model.shared}[option]
            by_default.setdefault(_shown(value), []).append(name)
    return "default: " + "; ".join(f"{value} for {', '.join(names)}" for value, names in by_default.items())


def _shown(value):
    if value is None:
        return "as the preset has it"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _rule_help(name):
    """For which update rules an option is, and their defaults, out of their own table."""
    rules = {}
    for rule_name, rule in RULES.items():
        if name in rule.options:
            rules.setdefault(rule.options[name], []).append(rule_name)
    if _RULE_OPTIONS[name] is bool:
        return f"add eps under the square root instead of to it ({', '.join(sum(rules.values(), []))})"
    return "default: " + "; ".join(f"{default:g} for {', '.join(names)}" for default, names in rules.items())


def _augmentations(text):
    kinds = [] if text == "none" else text.split(",")
    for kind in kinds:
        if kind not in AUGMENTATIONS:
            hint = did_you_mean(kind, AUGMENTATIONS)
            raise argparse.ArgumentTypeError(f"expected {' or '.join(AUGMENTATIONS)}, got {kind!r}{hint}")
    return kinds


def _widths(text):
    return [] if text == "none" else counts(text)


def _initializer(text):
    try:
        return at_least_zero(text) if text not in INITIALIZERS else text
    except argparse.ArgumentTypeError:
        known, hint = ", ".join(INITIALIZERS), did_you_mean(text, INITIALIZERS)
        raise argparse.ArgumentTypeError(f"expected one of {known}, or a number, got {text!r}{hint}") from None
