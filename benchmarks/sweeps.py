"""The same sweep by numbanet, scikit-learn and skorch: 24 settings of a network on a small table, in turns.

    python benchmarks/sweeps.py [RIVAL...] [--data digits] [--trials 24] [--epochs 50] [--threads 2] [--turns 3]

Every rival trains the same settings (widths, learning rate, batch size), drawn once, for the same epochs on the same
rows, by Adam, and takes the setting that predicts the validation rows best. Each does so as its users do: scikit-
learn's MLPClassifier in joblib's processes, one a core; skorch one setting after the other, and as many side by side
as there are cores, in Optuna's threads, with one thread of torch, which is fastest here; numbanet by
`numbanet.sweep`, measuring after each epoch, and once more with trials ended that lag behind. A turn is a process of
its own, which has imported and trained once before it is timed; seconds are medians over the turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBANET_NUM_THREADS")
HIDDEN = [(32,), (64,), (128,), (64, 64)]


def load(name):
    """Rows to train and to validate, standardised: X, y, X_val, y_val."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    X, X_val, y, y_val = train_test_split(X, y, test_size=0.2, random_state=0, stratify=y)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X).astype("float32"), y.astype("int64"), scaler.transform(X_val).astype("float32"), y_val


def settings(trials):
    """Of all trials, by name."""
    import numpy as np

    rng = np.random.default_rng(0)
    return [
        {
            "hidden": HIDDEN[rng.integers(len(HIDDEN))],
            "learning_rate": float(f"{10 ** rng.uniform(-4, -1.5):.3g}"),
            "batch": int(rng.choice([16, 32, 64])),
        }
        for _ in range(trials)
    ]


def by_numbanet(data, trials, epochs, threads, pruner="none"):
    import numbanet

    X, y, X_val, y_val = data
    parts = {"X_train": X, "y_train": y, "X_val": X_val, "y_val": y_val}

    def build(values):
        setting = trials[values["setting"]]
        model = numbanet.FullyConnectedNet(setting["hidden"], X.shape[1], int(y.max()) + 1, seed=0)
        rule = {"optimizer": "adam", "optimizer_options": {"learning_rate": setting["learning_rate"]}}
        return numbanet.Solver(
            model, parts, **rule, batch_size=setting["batch"], epochs=epochs, num_train_samples=0, schedule="constant"
        )

    space = {"setting": list(range(len(trials)))}
    found = numbanet.sweep(
        build, space, sampler="grid", pruner=pruner, monitor="val_accuracy", threads=threads, verbose=False
    )
    return found.best.value


def by_numbanet_pruned(data, trials, epochs, threads):
    return by_numbanet(data, trials, epochs, threads, "median")


def _fit_mlp(data, setting, epochs):
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")  # that it has not converged, after the epochs that were asked for
    X, y, X_val, y_val = data
    model = MLPClassifier(
        setting["hidden"],
        learning_rate_init=setting["learning_rate"],
        batch_size=setting["batch"],
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=10**6,
        alpha=0.0,
        random_state=0,
    )
    return model.fit(X, y).score(X_val, y_val)


def by_sklearn(data, trials, epochs, threads):
    from joblib import Parallel, delayed

    scores = Parallel(n_jobs=threads)(delayed(_fit_mlp)(data, setting, epochs) for setting in trials)
    return max(scores)


def _fit_skorch(data, setting, epochs):
    import torch
    from skorch import NeuralNetClassifier

    X, y, X_val, y_val = data
    torch.manual_seed(0)
    layers, width = [], X.shape[1]
    for units in setting["hidden"]:
        layers += [torch.nn.Linear(width, units), torch.nn.ReLU()]
        width = units
    net = NeuralNetClassifier(
        torch.nn.Sequential(*layers, torch.nn.Linear(width, int(y.max()) + 1)),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=setting["learning_rate"],
        batch_size=setting["batch"],
        max_epochs=epochs,
        train_split=None,
        verbose=0,
    )
    return float(net.fit(X, y).score(X_val, y_val))


def by_skorch(data, trials, epochs, threads):
    import torch

    torch.set_num_threads(1)
    return max(_fit_skorch(data, setting, epochs) for setting in trials)


def by_skorch_threads(data, trials, epochs, threads):
    import optuna
    import torch

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.GridSampler({"setting": list(range(len(trials)))})
    )

    def objective(trial):
        return _fit_skorch(data, trials[trial.suggest_int("setting", 0, len(trials) - 1)], epochs)

    study.optimize(objective, n_trials=len(trials), n_jobs=threads)
    return study.best_value


RIVALS = {
    "numbanet": by_numbanet,
    "numbanet-pruned": by_numbanet_pruned,
    "scikit-learn": by_sklearn,
    "skorch": by_skorch,
    "skorch-threads": by_skorch_threads,
}


def turn(arguments):
    """One turn of one rival, in this process: seconds and the best accuracy, as JSON."""
    data, trials = load(arguments.data), settings(arguments.trials)
    sweep = RIVALS[arguments.rivals[0]]
    sweep(data, trials[:2], 1, arguments.threads)  # imports, compiles, starts processes
    started = time.perf_counter()
    best = sweep(data, trials, arguments.epochs, arguments.threads)
    print(json.dumps({"seconds": time.perf_counter() - started, "best": best}))


def measured(name, arguments):
    """One turn in a process of its own."""
    options = ["data", "trials", "epochs", "threads"]
    command = [sys.executable, __file__, name, "--turn"]
    command += [f"--{option}={getattr(arguments, option)}" for option in options]
    threads = {"scikit-learn": 1}.get(name, arguments.threads)
    environment = {**os.environ, **dict.fromkeys(VARIABLES, str(threads))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rivals", nargs="*", metavar="RIVAL", help=", ".join(RIVALS))
    parser.add_argument("--data", choices=("digits", "breast_cancer", "wine"), default="digits")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--turn", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.rivals) - set(RIVALS):
        parser.error(f"expected rivals among {', '.join(RIVALS)}, got {', '.join(unknown)}")
    if arguments.turn:
        return turn(arguments)
    names = arguments.rivals or list(RIVALS)
    results = {name: [] for name in names}
    for _ in range(arguments.turns):
        for name in names:
            results[name].append(measured(name, arguments))
    print(f"{arguments.data}, {arguments.trials} trials of {arguments.epochs} epochs, {arguments.threads} threads")
    ours = statistics.median(result["seconds"] for result in results[names[0]])
    for name, found in results.items():
        seconds = statistics.median(result["seconds"] for result in found)
        print(f"{name:16s} {seconds:8.2f} s  {seconds / ours:6.2f}x  best accuracy {found[0]['best']:.4f}")
    return None


if __name__ == "__main__":
    main()
