"""Options, and types of options, that several commands share. Types refuse what numbanet's own checks would refuse."""

import argparse
import json

from .._plain import integer, number

THREADS = "default: all that this process may use, or one while other programs keep them busy"
SOURCES = (
    "digits (bundled), mnist:FOLDER, cifar10:FOLDER, FILE.npz, FILE.npy, with labels in another or in its first or "
    "last column, or a table: FILE.csv, .tsv, .txt, .csv.gz, .parquet, .arrow or .feather"
)
TABLES = (".csv", ".tsv", ".tab", ".txt", ".data", ".gz", ".parquet", ".pq", ".arrow", ".arrows", ".feather", ".ipc")


def add_target(parser):
    parser.add_argument(
        "--target",
        type=targets,
        metavar="COLUMN,...",
        help="the column of labels in a CSV or TSV file, by name or by index from 0, negative from the end; several "
        "are for regression; default: the last, or for a trained network what it was trained with",
    )


def add_meaning(parser):
    """Options that say what data are taken for, where that is not certain."""
    parser.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first row of a CSV or TSV file has the names of its columns; default: recognised",
    )
    parser.add_argument(
        "--decimal", choices=(".", ","), help="the sign of fractions in text, where it is in doubt; default: recognised"
    )
    parser.add_argument(
        "--channels",
        choices=("first", "last"),
        help="where the channels of images in an npz or npy file stand: (C, H, W) or (H, W, C); default: recognised",
    )


def add_columns(parser):
    """Options that say what the columns of a table are."""
    parser.add_argument(
        "--drop", type=names, metavar="COLUMN,...", help="columns of a table that are not to be looked at"
    )
    parser.add_argument(
        "--categorical", type=names, metavar="COLUMN,...", help="columns that are categories, though they hold numbers"
    )
    parser.add_argument(
        "--dates", type=names, metavar="COLUMN,...", help="columns of dates, refused where one cannot be read as such"
    )


def is_table(source):
    """Whether a source is the file of a table."""
    return source.lower().endswith(TABLES)


def add_threads(parser):
    parser.add_argument("--threads", type=count, metavar="N", help=THREADS)


def add_plots(parser):
    group = parser.add_argument_group("images")
    group.add_argument(
        "--plot-filters",
        type=png,
        metavar="FILE.png",
        help="what the first layer has learnt: an image of its weights, for networks that see images",
    )
    group.add_argument(
        "--plot-features",
        type=png,
        metavar="FILE.png",
        help="what a convolutional network makes of the first test image: the maps of its activations",
    )


def choices(names, *more):
    return f"{', '.join((*names, *more))}; default: %(default)s"


def flag(option):
    return f"--{option.replace('_', '-')}"


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


count = _checked(integer, int, 1)
seed = _checked(integer, int, 0, 2**63 - 1)
fraction = _checked(number, float, 0, 1, include_low=False, include_high=False)
below_one = _checked(number, float, 0, 1, include_high=False)
at_least_zero = _checked(number, float, 0, include_high=False)
above_zero = _checked(number, float, 0, include_low=False, include_high=False)


def targets(text):
    return text if "," not in text else text.split(",")


def names(text):
    found = text.split(",")
    if not all(found) or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"expected names of columns, each once, got {text!r}")
    return found


def settings(text):
    """``a=1,b=true,c=word`` as a dict."""
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not (name and equals and value) or name in found:
            raise argparse.ArgumentTypeError(f"expected NAME=VALUE, each name once, got {part!r}")
        try:
            found[name.replace("-", "_")] = json.loads(value)
        except ValueError:
            found[name.replace("-", "_")] = value
    return found


def counts(text):
    return [count(width) for width in text.split(",")]


def path(text):
    if not text:  # as of a variable of the shell that is not set; Path("") would be the working folder
        raise argparse.ArgumentTypeError("expected a path, got ''")
    return text


def png(text):
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"expected the name of a file that ends in .png, got {text!r}")
    return text
