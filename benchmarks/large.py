"""Training on data in a file against the same data in memory: seconds of an epoch, and what the process holds.

    python benchmarks/large.py [--rows 10000000] [--columns 20] [--hidden 64,64] [--batch-size 256] [--turns 3]

Makes X.npy, y.npy and a Parquet file of the same piece by piece, in a folder that goes at the end, and trains the
same network for two epochs of them: `memory` has read both arrays, `npy` has mapped them, `parquet` has decoded the
file, standardised by a TablePreprocessor, into a scratch file in that folder. Each turn is a process of its own.
Seconds are of the second epoch, so that neither compiling nor the first look at the data counts; those of the whole,
with checks and statistics, stand beside them. Memory is what the process holds above what it held before it had any
data: `held` is its own alone, `seen` also the pages of files that it has looked at and not given back. All are
medians over the turns.

`python benchmarks/large.py --drop-caches` empties the system's cache before each turn, which takes root.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PIECE = 1 << 18  # rows that are made at a time


def make(folder, rows, columns):
    """Piece by piece X.npy, float32, and y.npy, whether a sum of products of columns is above 0, int8."""
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (rows, columns))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.int8, (rows,))
    rng = np.random.default_rng(0)
    for start in range(0, rows, PIECE):
        piece = rng.standard_normal((min(PIECE, rows - start), columns), np.float32)
        X[start : start + PIECE] = piece
        y[start : start + PIECE] = (piece[:, 0] * piece[:, 1] + piece[:, 2] > 0) ^ (rng.random(len(piece)) < 0.05)
        X.flush()
        yield piece, y[start : start + PIECE]


def write(folder, rows, columns):
    """All the files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [f"x{place}" for place in range(columns)]
    schema = pa.schema([*((name, pa.float32()) for name in names), ("label", pa.int8())])
    with pq.ParquetWriter(folder / "table.parquet", schema, compression="snappy") as writer:
        for piece, labels in make(folder, rows, columns):
            writer.write_table(pa.table([*piece.T, np.asarray(labels)], schema=schema))


class Memory(threading.Thread):
    """Looks again and again what this process holds, in MiB."""

    def __init__(self):
        super().__init__(daemon=True)
        self.held = self.seen = 0.0
        self.before = self.now()

    @staticmethod
    def now():
        lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
        return [int(lines[name].split()[0]) / 1024 for name in ("RssAnon", "VmRSS")]

    def run(self):
        while True:
            held, seen = (now - before for now, before in zip(self.now(), self.before, strict=True))
            self.held, self.seen = max(self.held, held), max(self.seen, seen)
            time.sleep(0.01)


def turn(arguments):
    """Two epochs of one form of the data, in this process; what was measured, as JSON."""
    import numbanet as nn

    def training(X, y, held_out, epochs, callbacks=()):
        hidden = [int(width) for width in arguments.hidden.split(",")]
        model = nn.FullyConnectedNet(hidden, X.shape[1], 2, seed=0)
        if arguments.turn != "parquet":
            model.standardizer = nn.data.Standardizer.fit(X)
        data = {"X_train": X, "y_train": y, "rows_val": held_out}
        options = {"batch_size": arguments.batch_size, "epochs": epochs, "num_train_samples": 0, "verbose": False}
        return nn.Solver(model, data, **options, callbacks=list(callbacks))

    mode = None if arguments.turn == "memory" else "r"
    folder = Path(arguments.folder)
    few = np.array(np.load(folder / "X.npy", mmap_mode="r")[:5000])
    training(few, (few[:, 0] > 0).astype(np.int8), np.arange(100), 1).train()  # compiles
    memory = Memory()
    memory.start()
    started, ends = time.perf_counter(), []
    held_out = np.random.default_rng(1).choice(arguments.rows, min(100_000, arguments.rows // 10), replace=False)
    y = np.load(folder / "y.npy", mmap_mode=mode)
    if arguments.turn == "parquet":
        table = nn.data.StreamedTable(folder / "table.parquet", drop=["label"])
        fitted = nn.data.TablePreprocessor(numbers="standard", clip=None).fit(table.sample(left_out=held_out))
        X = table.transform(fitted, folder)
    else:
        X = np.load(folder / "X.npy", mmap_mode=mode)
    solver = training(X, y, held_out, 2, [lambda solver, logs: ends.append(time.perf_counter())])
    solver.train()
    assert solver.compiled
    found = {"epoch": ends[1] - ends[0], "whole": time.perf_counter() - started}
    found |= {"held": memory.held, "seen": memory.seen, "accuracy": solver.best_val_acc}
    print(json.dumps(found))


def measured(form, folder, arguments):
    """One turn in a process of its own."""
    if arguments.drop_caches:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    command = [sys.executable, __file__, f"--turn={form}", f"--folder={folder}", f"--hidden={arguments.hidden}"]
    command.append(f"--rows={arguments.rows}")
    done = subprocess.run([*command, f"--batch-size={arguments.batch_size}"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{form}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--hidden", default="64,64")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", help="where the files are made; default: a temporary one")
    parser.add_argument("--drop-caches", action="store_true")
    parser.add_argument("--turn", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.turn:
        return turn(arguments)
    forms = ("memory", "npy", "parquet")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        write(Path(folder), arguments.rows, arguments.columns)
        size = Path(folder, "X.npy").stat().st_size / 2**20
        turns = [{form: measured(form, folder, arguments) for form in forms} for _ in range(arguments.turns)]
    print(f"{arguments.rows:,} rows of {arguments.columns} columns, {size:,.0f} MiB, hidden {arguments.hidden}")
    found = {
        form: {name: statistics.median(each[form][name] for each in turns) for name in turns[0][form]} for form in forms
    }
    for form, values in found.items():
        print(
            f"{form:8s} an epoch {values['epoch']:7.2f} s, the whole {values['whole']:7.2f} s; "
            f"held {values['held']:7.0f} MiB, seen {values['seen']:7.0f} MiB; accuracy {values['accuracy']:.4f}"
        )
    for form in forms[1:]:
        print(f"{form}: {found['memory']['epoch'] / found[form]['epoch']:.3f} of the speed in memory")
    return None


if __name__ == "__main__":
    main()
