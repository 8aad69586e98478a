"""The options of ``numbanet sweep``."""

from ._options import above_zero, choices, count, path

SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("median", "halving", "none")


def add_sweep_options(parser):
    parser.add_argument(
        "--space",
        action="append",
        metavar="NAME=VALUES",
        help="an option of numbanet train and what it is drawn from: LOW..HIGH, LOW..HIGH:log by magnitude, "
        "LOW..HIGH:STEP, or choices with | between them; may be given several times; or a TOML or JSON file of such",
    )
    parser.add_argument("--trials", type=count, metavar="N", help="default: 24, or all of a grid")
    parser.add_argument(
        "--sampler",
        choices=SAMPLERS,
        default="tpe",
        help="what draws: Optuna's TPE, which learns from the trials before, at random, or all of a grid; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--pruner",
        choices=PRUNERS,
        default="median",
        help="what ends a trial that lags behind others in validation; " + choices(PRUNERS),
    )
    parser.add_argument("--seconds", type=above_zero, metavar="X", help="after which no new trial begins")
    parser.add_argument(
        "--threads", type=count, metavar="N", help="trials that train at a time, each on a core; default: one a core"
    )
    parser.add_argument(
        "--output",
        type=path,
        metavar="FOLDER",
        help="for journal.log, trials.csv and sweep.md; the same command goes on with a sweep that was stopped; "
        "default: numbanet-runs/NAME-sweep-N, with the N of the same sweep or the next that is free",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only the result")
