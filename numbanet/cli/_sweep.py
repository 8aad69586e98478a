"""``numbanet sweep``: many trainings as ``numbanet train`` does them, with options out of a space."""

import itertools
import os
import shlex
import sys
from pathlib import Path

from .._plain import did_you_mean
from ..tuning.space import Choices, Space, read_space
from ..tuning.sweeps import JOURNAL, require_optuna, run, settings_of, thread_count
from ._data import load_parts
from ._options import flag
from ._status import INTERRUPTED, UsageError
from ._tasks import settle_for
from ._train import network_of, solver_of
from ._train_options import rule_options, settle

# Options of numbanet train that are one for all trials, or make no sense in a sweep.
COLUMNS = ("target", "drop", "categorical", "dates", "id", "header", "decimal")
SHARED = ("data", *COLUMNS, "channels", "task", "test_fraction", "validation_fraction", "monitor", "seed")
REFUSED = ("resume", "plot_filters", "plot_features", "n_packed")
OWN = ("command", "name", "output", "threads", "quiet")


def sweep(arguments, parse):
    """Train the trials; returns the exit status. `parse` makes arguments of a command line."""
    require_optuna()
    rest = arguments.rest
    base, defaults = _train_arguments(parse, rest), parse(["train"])
    for name in REFUSED:
        if getattr(base, name) != getattr(defaults, name):
            raise UsageError(f"{flag(name)} is not for numbanet sweep")
    space = _space(arguments.space, base, defaults)
    _try_each(space, arguments.sampler, parse)
    try:
        threads = thread_count(arguments.threads)
    except ValueError as error:
        raise UsageError(f"--{error}") from None
    settle(base)
    parts = load_parts(base)

    def build(values):
        settled = parse(["train", *rest, *_as_options(values)])
        settle(settled)
        if settled.model == "tabular":
            settled.n_packed = 1  # a trial is of one network, also where several are to be packed together
        options = rule_options(settled)
        settle_for(parts.train.task, settled)
        return solver_of(settled, options, parts, network_of(settled, parts))

    data = [parts.fingerprint, parts.labels]
    about = {"command": shlex.join(rest), "data": data}
    settings = settings_of(space, arguments.sampler, arguments.pruner, None, base.seed, **about)
    folder = Path(arguments.output) if arguments.output else _folder(parts.name, settings)
    say = None if arguments.quiet else lambda text: print(text, file=sys.stderr, flush=True)
    if say:
        say(f"sweep  {folder}: {', '.join(space.parts)}; {threads} at a time")
    found = run(
        build,
        space,
        settings,
        how=lambda values: shlex.join(["numbanet", "train", *rest, *_as_options(values)]),
        trials=arguments.trials,
        threads=threads,
        seconds=arguments.seconds,
        folder=folder,
        say=say,
    )
    print(found, flush=True)
    print(f"all trials: {folder}", flush=True)
    if found.interrupted:
        print("numbanet: interrupted; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    return 0


def _train_arguments(parse, options):
    try:
        return parse(["train", *options])
    except UsageError as error:
        raise UsageError(str(error).replace("numbanet train", "numbanet sweep")) from None


def _space(given, base, defaults):
    """The `Space` of the values of --space; UsageError for names that are no options of a training."""
    if not given:
        raise UsageError("--space: expected at least one, such as --space learning_rate=1e-4..1e-1:log")
    parts = {}
    for text in given:
        name, equals, values = text.partition("=")
        more = {name: values} if equals else _file(text)
        for each, value in more.items():
            known = each.replace("-", "_")
            if known in parts:
                raise UsageError(f"--space: {each} is there twice")
            parts[known] = value
    names = [name for name in vars(defaults) if name not in (*SHARED, *REFUSED, *OWN)]
    for name in parts:
        if name not in names:
            hint = did_you_mean(name, names)
            raise UsageError(f"--space: expected an option of numbanet train but {', '.join(SHARED)}; got {name}{hint}")
        if getattr(base, name) != getattr(defaults, name):
            raise UsageError(f"{flag(name)} is given, and drawn by --space too")
    try:
        return Space(parts, as_text=True)
    except (TypeError, ValueError) as error:
        raise UsageError(f"--{error}") from None


def _try_each(space, sampler, parse):
    """UsageError for a value of the space that its option would refuse, before anything is trained."""
    try:
        if sampler == "grid":
            space.grid()
    except ValueError as error:
        raise UsageError(f"--{error}") from None
    for name, part in space.parts.items():
        for value in part.values if isinstance(part, Choices) else (part.low, part.high):
            try:
                parse(["train", *_as_options({name: value})])
            except UsageError as error:
                raise UsageError(f"--space: {error}") from None


def _file(path):
    try:
        return read_space(path)
    except OSError as error:
        raise UsageError(f"--space: expected NAME=VALUES or a file, got {path!r} ({error.strerror})") from None
    except ValueError as error:
        raise UsageError(f"--space: {error}") from None


def _as_options(values):
    """Values that were drawn, as options of ``numbanet train``."""
    options = []
    for name, value in values.items():
        if isinstance(value, bool):  # of an option that takes no value
            options += [flag(name)] * value
        elif isinstance(value, (list, tuple)):
            options.append(f"{flag(name)}={','.join(map(str, value)) or 'none'}")
        else:
            options.append(f"{flag(name)}={'none' if value is None else value}")
    return options


def _folder(name, settings):
    """The first of ``numbanet-runs/<name>-sweep-1``, ``-2``, ... that holds this sweep, or nothing."""
    from ..tuning import journal

    for number in itertools.count(1):
        folder = Path("numbanet-runs", f"{name}-sweep-{number}")
        if not (folder / JOURNAL).exists() or not os.path.getsize(folder / JOURNAL):
            return folder
        if journal.peek(folder / JOURNAL) == settings:
            return folder
