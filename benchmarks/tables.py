"""Our estimators for tables against RealMLP, boosted trees and scikit-learn's MLP, on real tables, nothing tuned.

    python benchmarks/tables.py [--tables ames,cells] [--seeds 5] [--rivals numbanet LightGBM] [--results FILE]
    python benchmarks/tables.py --unseen
    python benchmarks/tables.py --times
    python benchmarks/tables.py --parts
    python benchmarks/tables.py --report

Each rival is in a process of its own. A table's rows are split 60-20-20 by each seed: to train on, to choose the best
epoch or number of trees by (who does not, leaves them alone), and to test on. Scores are medians over the seeds:
AUC for classes (one against the rest where there are more than two), R2 for regression. `--unseen` takes other tables,
on which none of our presets was chosen. `--times` measures the time of `fit`, and of predicting 100,000 rows, of the
first seed, in turns; `--parts` has one network of ours with each part of its recipe off. A rival is one of a list,
perhaps with options: "numbanet preset=fast n_packed=8". Results are kept in a file, one JSON object a line: what is
there already is not run again, unless `--again` says so, and `--report` runs nothing.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from table_report import report_scores, report_times
from table_rivals import DEFAULT, parts, rival
from table_sets import TABLES, UNSEEN, split

from numbanet.bench.options import CPUS, some_of, threads

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBANET_NUM_THREADS")
EVERY = {**TABLES, **UNSEEN}
MANY_ROWS = 100_000  # of a prediction that is timed
LONG = 5.0  # seconds of a fit that has one turn only


def scores(task, estimator, X, y):
    """What the predictions for these rows are worth; the first is the one that ranks go by."""
    from sklearn import metrics

    if task == "regression":
        predicted = estimator.predict(X)
        return {
            "R2": metrics.r2_score(y, predicted),
            "RMSE": metrics.root_mean_squared_error(y, predicted),
            "MAE": metrics.mean_absolute_error(y, predicted),
        }
    classes, probabilities = estimator.classes_, estimator.predict_proba(X)
    shown = probabilities[:, 1] if len(classes) == 2 else probabilities / probabilities.sum(axis=1, keepdims=True)
    return {
        "AUC": metrics.roc_auc_score(y, shown, multi_class="ovr", labels=classes),
        "accuracy": metrics.accuracy_score(y, classes[probabilities.argmax(axis=1)]),
        "log loss": metrics.log_loss(y, probabilities, labels=classes),
    }


class Work:
    """What a rival's process does: methods that answer with what goes into the results."""

    def __init__(self, rival_name, threads):
        self.fit, self.threads = rival(rival_name), threads
        self._split = None, None

    def split(self, *key):
        if self._split[0] != key:
            name, seed, rows = key
            self._split = key, split(EVERY[name], seed, rows)
        return self._split[1]

    def score(self, name, seed, rows):
        task, parts = EVERY[name].task, self.split(name, seed, rows)
        begin = time.perf_counter()
        estimator = self.fit(task, seed, self.threads, parts)
        seconds = time.perf_counter() - begin
        return {"scores": scores(task, estimator, *parts.test), "fit": seconds}

    def time(self, name, seed, rows, first):
        task, parts = EVERY[name].task, self.split(name, seed, rows)
        if first:  # imports, compiles and loads what these columns need
            few = [(X[:200], y[:200]) for X, y in (parts.train, parts.validation)]
            self.fit(task, seed, self.threads, type(parts)(*few, parts.test))
        begin = time.perf_counter()
        estimator = self.fit(task, seed, self.threads, parts)
        seconds = {"fit": time.perf_counter() - begin}
        predict = estimator.predict if task == "regression" else estimator.predict_proba
        X = parts.test[0]
        predict(X)
        X = X.iloc[[row % len(X) for row in range(MANY_ROWS)]]
        begin = time.perf_counter()
        predict(X)
        return {**seconds, "predict": time.perf_counter() - begin}


def work(name, threads):
    """Answer, line by line, what comes on standard input; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    worker = Work(name, threads)
    for line in sys.stdin:
        method, arguments = json.loads(line)
        try:
            answer = getattr(worker, method)(*arguments)
        except ImportError as error:
            answer = {"missing": f"{type(error).__name__}: {error}"}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


class Workers:
    """A process for each rival, started when first asked."""

    def __init__(self, threads):
        self.threads, self.running, self.out = threads, {}, {}

    def ask(self, name, method, *arguments):
        """The answer, or None where there is none: why is said once, and a rival whose library is missing is out."""
        if name in self.out:
            return None
        if name not in self.running:
            command = [sys.executable, __file__, "--worker", name, "--threads", str(self.threads)]
            environment = {**os.environ, **dict.fromkeys(VARIABLES, str(self.threads))}
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self.running[name] = subprocess.Popen(command, env=environment, **pipes)
        process = self.running[name]
        print(json.dumps([method, arguments]), file=process.stdin, flush=True)
        answer = json.loads(process.stdout.readline() or '{"missing": "its process has ended"}')
        if "missing" in answer:
            self.out[name] = answer["missing"]
        if why := answer.get("missing") or answer.get("failed"):
            print(f"{name}: {arguments[0]}: {why}", file=sys.stderr, flush=True)
            return None
        return answer

    def close(self):
        for process in self.running.values():
            with process:  # closes its pipes, and waits
                pass


class Results:
    """Records of a file, one a line; the last of a key counts."""

    KEY = ("kind", "table", "rows", "rival", "seed")

    def __init__(self, path):
        self.path, self.records = Path(path), {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                self._keep(json.loads(line))

    def _keep(self, record):
        self.records[tuple(record[key] for key in self.KEY)] = record

    def add(self, **record):
        self._keep(record)
        with self.path.open("a", encoding="utf-8") as file:
            print(json.dumps(record), file=file)

    def __contains__(self, key):
        return key in self.records

    def of(self, kind, rows, tables, rivals, seeds):
        """Those records, by table and rival."""
        found = {}
        for (of_kind, table, of_rows, name, seed), record in self.records.items():
            if of_kind == kind and of_rows == rows and table in tables and name in rivals and seed in seeds:
                found.setdefault((table, name), []).append(record)
        return found


def run_scores(options, results, workers):
    """All tables with one seed before the next, so that what is there at any time is comparable."""
    for seed in range(options.seeds):
        for name in options.rivals:
            for table in options.tables:
                key = "score", table, options.rows, name, seed
                if key in results and not options.again:
                    continue
                if answer := workers.ask(name, "score", table, seed, options.rows):
                    results.add(**dict(zip(Results.KEY, key, strict=True)), **answer)
                    first = next(iter(answer["scores"].items()))
                    print(f"{table}, seed {seed}, {name}: {first[0]} {first[1]:.4f}", file=sys.stderr, flush=True)


def run_times(options, results, workers):
    """Rivals take turns on each table, in another order each turn; a long fit has one turn."""
    for table in options.tables:
        best = {}
        for turn in range(options.turns):
            for name in random.sample(options.rivals, len(options.rivals)):
                if best.get(name, {"fit": 0.0})["fit"] > LONG:
                    continue
                if answer := workers.ask(name, "time", table, 0, options.rows, turn == 0):
                    before = best.get(name, answer)
                    best[name] = {what: min(seconds, before[what]) for what, seconds in answer.items()}
        for name, seconds in best.items():
            key = dict(zip(Results.KEY, ("time", table, options.rows, name, 0), strict=True))
            results.add(**key, threads=options.threads, **seconds)


def rival_name(text):
    try:
        rival(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=some_of(EVERY), help="default: those that presets were chosen on")
    parser.add_argument("--unseen", action="store_true", help="tables that nothing was chosen on")
    shown = ", ".join(DEFAULT)
    parser.add_argument("--rivals", nargs="+", type=rival_name, default=list(DEFAULT), help=f"default: {shown}")
    parser.add_argument("--seeds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--rows", type=int, default=10_000, help="of a table at most; default: %(default)s")
    parser.add_argument("--threads", type=threads, default=CPUS, help="default: %(default)s")
    parser.add_argument("--turns", type=int, default=3, help="of --times; default: %(default)s")
    parser.add_argument("--results", default="tables.jsonl", help="default: %(default)s")
    parser.add_argument("--times", action="store_true", help="times instead of scores")
    parser.add_argument("--parts", action="store_true", help="one network of ours with each part of the recipe off")
    parser.add_argument("--again", action="store_true", help="run what is in the results already")
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        return work(options.worker, options.threads)
    if options.parts:
        options.rivals = parts()
    if options.tables is None:
        options.tables = list(UNSEEN if options.unseen else TABLES)
    results, workers = Results(options.results), Workers(options.threads)
    if not options.report:
        try:
            (run_times if options.times else run_scores)(options, results, workers)
        finally:
            workers.close()
    for name, why in workers.out.items():
        print(f"{name} is left out: {why}")
    kind, seeds = ("time", [0]) if options.times else ("score", range(options.seeds))
    found = results.of(kind, options.rows, options.tables, options.rivals, seeds)
    (report_times if options.times else report_scores)(found, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
