"""CIFAR-10 with SmallVGG: ours and torch, the same data, first weights, rule and schedule, epoch by epoch in turns.

    python benchmarks/cifar10.py FOLDER [--epochs 4] [--threads 2] [--seed 0]

FOLDER has either official layout. Each library is in a process of its own and waits while the other trains. Seconds are
those of training alone, without reading data, compiling kernels and the test after each epoch. torch trains in both
layouts.
"""

import argparse
import contextlib
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numbanet.data
from numbanet.bench.networks import IMAGE_NETWORKS, LEARNING_RATE
from numbanet.bench.options import CPUS, threads
from numbanet.schedules import Exponential

NETWORK = IMAGE_NETWORKS["SmallVGG at 128"]
DECAY = 0.6  # of the learning rate, after each epoch


def images(folder):
    """Standardised images and labels, to train and to test."""
    train, test = numbanet.data.load_cifar10(folder)
    standardizer = numbanet.data.Standardizer.fit(train.X)
    return standardizer.apply(train.X), train.y, standardizer.apply(test.X), test.y


def untrained(seed):
    """The network that all begin with, its weights of torch's deviation, (3 fan-in)**-0.5."""
    model = numbanet.SmallVGG(widths=NETWORK.widths, seed=seed)
    for value in model.params.values():
        if value.ndim > 1:  # (2 / fan-in)**0.5 so far
            value /= 6**0.5
    return model


def train_numbanet(X, y, X_test, y_test, epochs, threads, seed, report):
    numbanet.set_num_threads(threads)

    def solver(X, y):
        data = {"X_train": X, "y_train": y}
        rule = {
            "optimizer": "adam",
            "optimizer_options": {"learning_rate": LEARNING_RATE},
            "schedule": Exponential(DECAY),
        }
        options = {"batch_size": NETWORK.batch, "epochs": epochs, "seed": seed, "verbose": False}
        return numbanet.Solver(untrained(seed), data, num_train_samples=0, **rule, **options)

    def follow(solver, logs):
        nonlocal begin
        report(time.perf_counter() - begin, solver.check_accuracy(X_test, y_test))
        begin = time.perf_counter()

    solver(X[: NETWORK.batch], y[: NETWORK.batch]).train()  # compiles what training runs
    training = solver(X, y)
    training.callbacks = [follow]
    begin = time.perf_counter()
    training.train()


def train_torch(X, y, X_test, y_test, epochs, threads, seed, report, layout):
    import torch
    from torch.nn import functional as F

    from numbanet.bench.torch_networks import build

    torch.set_num_threads(threads)
    layout = getattr(torch, layout)
    X, y, X_test, y_test = map(torch.from_numpy, (X, y, X_test, y_test))
    model = build(NETWORK, seed).to(memory_format=layout)
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), untrained(seed).params.values(), strict=True):
            parameter.copy_(torch.from_numpy(value.T if value.ndim == 2 else value))
    X, X_test = X.contiguous(memory_format=layout), X_test.contiguous(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    for epoch in range(epochs):
        begin = time.perf_counter()
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * DECAY**epoch
        for rows in torch.randperm(len(X)).split(NETWORK.batch):
            if len(rows) == NETWORK.batch:  # as Solver leaves out what does not fill a batch
                optimizer.zero_grad(set_to_none=True)
                F.cross_entropy(model(X[rows]), y[rows]).backward()
                optimizer.step()
        seconds = time.perf_counter() - begin
        model.eval()
        with torch.inference_mode():
            right = sum(
                (model(X_test[part]).argmax(1) == y_test[part]).sum() for part in torch.arange(len(X_test)).split(500)
            )
        model.train()
        report(seconds, float(right) / len(X_test))


LIBRARIES = {
    "numbanet": train_numbanet,
    "torch channels_last": partial(train_torch, layout="channels_last"),
    "torch contiguous": partial(train_torch, layout="contiguous_format"),
}


def report(seconds, accuracy):
    """Tell what an epoch took, and wait for the next turn."""
    print(seconds, accuracy, flush=True)
    if not sys.stdin.readline():  # nobody waits for what follows
        sys.exit()


def worker(options, library):
    command = [sys.executable, __file__, options.folder, "--library", library]
    command += ["--epochs", str(options.epochs), "--threads", str(options.threads), "--seed", str(options.seed)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def reply(library, process):
    """The next line of a worker, as numbers."""
    line = process.stdout.readline()
    if not line:
        sys.exit(f"cifar10.py: {library} ended early, with status {process.wait()}; what it said stands above")
    return map(float, line.split())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--epochs", type=int, default=4, help="default: %(default)s")
    parser.add_argument("--threads", type=threads, default=CPUS, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and the batches; default: %(default)s")
    parser.add_argument("--library", choices=LIBRARIES, help=argparse.SUPPRESS)  # what a worker is told
    options = parser.parse_args()
    if options.library:
        data = images(options.folder)
        report(0, 0)
        LIBRARIES[options.library](*data, options.epochs, options.threads, options.seed, report)
        return
    workers, totals = {}, dict.fromkeys(LIBRARIES, 0.0)
    for library in LIBRARIES:
        workers[library] = worker(options, library)
        reply(library, workers[library])  # has read its data
    print(f"{options.threads} threads, seed {options.seed}; seconds of training so far, and test accuracy")
    for epoch in range(1, options.epochs + 1):
        for library, process in workers.items():
            with contextlib.suppress(BrokenPipeError):  # `reply` says so
                print(file=process.stdin, flush=True)
            seconds, accuracy = reply(library, process)
            totals[library] += seconds
            share = totals[library] / totals["numbanet"]
            print(f"epoch {epoch}  {library:20s} {totals[library]:7.1f} s  {share:5.2f}x  {accuracy:.2%}", flush=True)
    for process in workers.values():
        process.communicate("\n")


if __name__ == "__main__":
    main()
