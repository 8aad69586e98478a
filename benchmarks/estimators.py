"""Our estimators against scikit-learn's and skorch's: the same settings and data, in turns.

    python benchmarks/estimators.py [TASK...] [--threads 2] [--turns 5]

Each library is in a process of its own and waits while another has its turn. A turn fits or predicts, with a seed of
its own; seconds are medians over the turns, accuracies those on data held out. One turn before them compiles, imports
and loads. MNIST's 10,000 are looked for in `shared/data/mnist`, in a folder above the checkout; a task whose data or
library is missing is left out, with the reason.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

GRID = {"hidden_layer_sizes": [(50,), (100,), (200,)], "alpha": [1e-5, 1e-4, 1e-3, 1e-2], "beta_1": [0.9, 0.95]}
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBANET_NUM_THREADS")
ENDLESS = {"tol": 0.0, "n_iter_no_change": 10**6}  # all libraries train for the same epochs


def digits(rng):
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X / 16, y


def mnist(rng):
    import numbanet.data

    folders = [folder / "shared/data/mnist" for folder in ROOT.parents]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        raise FileNotFoundError("MNIST's 10,000 are not in shared/data/mnist")
    whole = numbanet.data.load(f"mnist:{folder}")[0]
    return whole.X.reshape(len(whole.X), -1) / 255.0, whole.y


def table(rng):
    X = rng.standard_normal((125_000, 50))
    hidden = X @ rng.standard_normal((50, 20)) / 50**0.5
    scores = abs(hidden) @ rng.standard_normal((20, 5)) + 0.3 * rng.standard_normal((125_000, 5))
    return X, (scores - scores.mean(axis=0)).argmax(axis=1)


# Data, share that is held out, settings of the estimators.
FITS = {
    "digits": (digits, 0.2, {"hidden_layer_sizes": (100,), "max_iter": 60}),
    "mnist": (mnist, 0.2, {"hidden_layer_sizes": (256, 128), "max_iter": 10}),
    "table": (table, 0.2, {"hidden_layer_sizes": (100, 50), "max_iter": 5}),
}


def split(name):
    """Training and test data in float32, the same in each process."""
    import numpy as np
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    make, share, _ = FITS[name]
    X, y = make(np.random.default_rng(0))
    parts = train_test_split(X.astype(np.float32), y, test_size=share, random_state=0, stratify=y)
    scaler = StandardScaler().fit(parts[0])
    return scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]


class Library:
    """What one process measures: a task by name gives seconds, and perhaps an accuracy."""

    def __init__(self, name):
        self.name = name
        self._data, self._fitted = {}, {}

    def data(self, name):
        if name not in self._data:
            self._data[name] = split(name)
        return self._data[name]

    def estimator(self, settings, seed, endless=True):
        if self.name == "skorch":
            return _skorch(settings, seed)
        if self.name == "numbanet":
            from numbanet.sklearn import MLPClassifier
        else:
            from sklearn.neural_network import MLPClassifier
        return MLPClassifier(**settings, **(ENDLESS if endless else {}), random_state=seed)

    def fit(self, seed, name):
        X, X_test, y, y_test = self.data(name)
        estimator = self.estimator(FITS[name][2], seed)
        begin = time.perf_counter()
        estimator.fit(X, y)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "accuracy": float((estimator.predict(X_test) == y_test).mean())}

    def fitted(self, name):
        if name not in self._fitted:
            X, _, y, _ = self.data(name)
            self._fitted[name] = self.estimator({**FITS[name][2], "max_iter": 1}, 0).fit(X, y)
        return self._fitted[name]

    def row(self, seed):
        estimator, row = self.fitted("table"), self.data("table")[0][seed : seed + 1]
        return {"seconds": _seconds(lambda: estimator.predict_proba(row), 300)}

    def rows(self, seed):
        estimator, X = self.fitted("table"), self.data("table")[0]
        return {"seconds": _seconds(lambda: estimator.predict_proba(X), 3)}

    def grid(self, seed):
        from sklearn.model_selection import GridSearchCV

        X, X_test, y, y_test = self.data("digits")
        search = GridSearchCV(self.estimator({}, seed, endless=False), GRID, cv=3, n_jobs=2)
        begin = time.perf_counter()
        search.fit(X, y)
        return {"seconds": time.perf_counter() - begin, "accuracy": float(search.score(X_test, y_test))}

    def folds(self, seed, backend):
        """Cross-validation of ours, its folds in threads or in processes."""
        import joblib
        from sklearn.model_selection import cross_validate

        X, _, y, _ = self.data("mnist")
        with joblib.parallel_config(backend=backend, n_jobs=2):
            begin = time.perf_counter()
            scores = cross_validate(self.estimator(FITS["mnist"][2], seed), X, y, cv=6)
            seconds = time.perf_counter() - begin
        return {"seconds": seconds, "accuracy": float(scores["test_score"].mean())}

    def extras(self, seed, what):
        """A fit of ours with weights, validation or a callback."""
        import numpy as np

        X, X_test, y, y_test = self.data("table")
        options = {
            "plain": {},
            "weights": {"sample_weight": np.random.default_rng(0).uniform(0.5, 2, len(X))},
            "validation": {"X_val": X_test[:1000], "y_val": y_test[:1000]},
        }
        settings = dict(FITS["table"][2])
        if what == "callback":
            settings["callbacks"] = [lambda solver, logs: None]
        estimator = self.estimator(settings, seed)
        begin = time.perf_counter()
        estimator.fit(X, y, **options.get(what, {}))
        return {"seconds": time.perf_counter() - begin}


# Each task: (library, what it does) of those that are compared; the first is ours.
def _same(method, *arguments, libraries=("numbanet", "scikit-learn")):
    return {library: (library, method, arguments) for library in libraries}


TASKS = {
    **{f"fit {name}": _same("fit", name) for name in ("digits", "mnist")},
    "fit table": _same("fit", "table", libraries=("numbanet", "scikit-learn", "skorch")),
    "predict_proba of a row": _same("row"),
    "predict_proba of 100,000 rows": _same("rows"),
    "grid search, n_jobs=2": _same("grid"),
    "cross-validation": {backend: ("numbanet", "folds", (backend,)) for backend in ("threading", "loky")},
    "extras": {what: ("numbanet", "extras", (what,)) for what in ("plain", "weights", "validation", "callback")},
}


SHARED = ("grid", "folds")  # methods that share the cores among processes or threads


def _seconds(call, count):
    call()
    begin = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - begin) / count


def _skorch(settings, seed):
    import torch
    from skorch import NeuralNetClassifier

    torch.manual_seed(seed)
    widths, modules, inputs = settings["hidden_layer_sizes"], [], 50
    for width in widths:
        modules += [torch.nn.Linear(inputs, width), torch.nn.ReLU()]
        inputs = width
    network = torch.nn.Sequential(*modules, torch.nn.Linear(inputs, 5))
    return NeuralNetClassifier(
        network,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=200,
        max_epochs=settings["max_iter"],
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


def work(library):
    """Answer, line by line, tasks that come on standard input."""
    warnings.simplefilter("ignore")
    if library == "skorch":
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))  # no task of torch's shares the cores
    library = Library(library)
    for line in sys.stdin:
        method, seed, arguments = json.loads(line)
        try:
            answer = getattr(library, method)(seed, *arguments)
        except (ImportError, FileNotFoundError) as error:
            answer = {"missing": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


class Worker:
    """A process in which one library is measured; without `threads`, joblib says how many each of its processes has."""

    def __init__(self, library, threads):
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        environment.update(dict.fromkeys(VARIABLES if threads else (), str(threads)))
        command = [sys.executable, __file__, "--worker", library]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=environment, **pipes)

    def ask(self, method, seed, arguments):
        print(json.dumps([method, seed, arguments]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def measure(name, workers, turns):
    """The answers of each that takes part in a task, over so many turns; None and why where one is missing."""
    answers = {who: [] for who in TASKS[name]}
    for turn in range(-1, turns):  # the first compiles, imports and loads
        for who in random.sample(list(TASKS[name]), len(TASKS[name])):
            library, method, arguments = TASKS[name][who]
            answer = workers(library, method in SHARED).ask(method, max(turn, 0), arguments)
            if "missing" in answer:
                return None, f"{library} has no turn: {answer['missing']}"
            if turn >= 0:
                answers[who].append(answer)
    return answers, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"beginnings of: {', '.join(TASKS)}")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options.worker)
    running = {}

    def workers(library, shared):
        if (library, shared) not in running:
            running[library, shared] = Worker(library, None if shared else options.threads)
        return running[library, shared]

    chosen = [name for name in TASKS if not options.tasks or any(name.startswith(task) for task in options.tasks)]
    print(f"{options.threads} threads, medians of {options.turns} turns\n")
    print("| task | who | seconds | of the first's | accuracy (lowest to highest) |\n| --- | --- | --: | --: | --: |")
    for name in chosen:
        answers, missing = measure(name, workers, options.turns)
        if missing:
            print(f"| {name} | {missing} | | | |")
            continue
        first = None
        for who, each in answers.items():
            seconds = statistics.median(answer["seconds"] for answer in each)
            first = first or seconds
            accuracies = sorted(answer["accuracy"] for answer in each if "accuracy" in answer)
            said = (
                f"{statistics.median(accuracies):.4f} ({accuracies[0]:.4f} to {accuracies[-1]:.4f})"
                if accuracies
                else ""
            )
            print(f"| {name} | {who} | {seconds:.4g} | {seconds / first:.3g} | {said} |", flush=True)
    for worker in running.values():
        worker.process.stdin.close()
        worker.process.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
