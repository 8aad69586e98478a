"""Many trainings over a space of values: drawn by Optuna, side by side in threads, ended where they lag behind."""

from __future__ import annotations

import contextlib
import math
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

import numpy as np

from .._checks import boolean, describe, integer, number, one_of
from .._many import LOOK_SECONDS
from ..errors import DataError, MissingExtraError, TrainingDiverged
from ..runtime.threads import alone, at_most, get_num_threads
from ..training.best import Best
from ..training.interrupts import CtrlC
from ..training.measuring import greater_is_better
from ..training.solver import Solver
from .report import Sweep, best_first, line, trial_of
from .space import Space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Literal

    from .._types import StrPath


SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("median", "halving", "none")
SPARED = 0.25  # part of a training that no trial is ended in
JOURNAL, TABLE, PAGE = "journal.log", "trials.csv", "sweep.md"


def sweep(
    build: Callable[[dict[str, Any]], Solver],
    space: Mapping[str, Any],
    *,
    trials: int | None = None,
    sampler: Literal["tpe", "random", "grid"] = "tpe",
    pruner: Literal["median", "halving", "none"] = "median",
    monitor: str | None = None,
    threads: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    folder: StrPath | None = None,
    verbose: bool = True,
) -> Sweep:
    """Train with many values of a search space, and find the best by what was measured on validation data.

    Trials train side by side, each on a core of its own: they are in each other's way between hundreds of steps only
    (`train_many`), where networks and update rules are numbanet's own.

    Parameters
    ----------
    build : callable
        Takes a dict of values by name and returns a `Solver` with validation data, which the sweep trains. It runs in
        several threads at once, so it must make a new network each time. It may raise ``optuna.TrialPruned`` for values
        that make no sense together.
    space : dict
        By name, what values are drawn from: a list of choices, of anything; a range ``(low, high)``, of whole numbers
        where both are; ``(low, high, "log")``, evenly by magnitude; ``(low, high, step)``; or the same as text:
        ``"1e-4..1e-1:log"``, ``"0.0..0.5:0.1"``, ``"64|128|256"``. Floats are drawn with four digits.
    trials : int, optional
        How many in all; by default 24, or all of a grid.
    sampler : {"tpe", "random", "grid"}
        What draws values: Optuna's tree-structured Parzen estimator, which learns from the trials before; at random;
        or every point of a space of choices and steps, in a random order.
    pruner : {"median", "halving", "none"}
        What ends a trial early: where its best so far is worse than the median of others at this epoch, after five
        complete trials; or by successive halving. In the first quarter of its epochs none is ended.
    monitor : str, optional
        A column of the history, by default what the Solver itself chooses the best epoch by.
    threads : int, optional
        How many trials train at a time; by default as many threads as there are (`get_num_threads`), and never more.
    seconds : float, optional
        After that time no new trial begins.
    seed : int
        What random and grid draw for a trial depends on it and the trial's number alone; with TPE also on the trials
        that have ended before, whose order depends on the time they take where `threads` is more than 1.
    folder : path, optional
        Keeps the sweep: the same call goes on where it was stopped or killed. It has ``journal.log``, of Optuna's
        JournalStorage, and at the end ``trials.csv`` and ``sweep.md``.
    verbose : bool
        Print a line for each trial that ends.

    Returns
    -------
    Sweep

    Raises
    ------
    ImportError
        Where Optuna, the extra ``tune``, is not installed.
    DataError
        Where `folder` holds a sweep with other settings or on other data, or another process is at work on it.
    TypeError, ValueError
        For a space or options that make no sense, and a `build` that returns something else.
    Exception
        What `build` or a callback of its Solver raises; trials that have ended are kept in `folder`.

    Notes
    -----
    Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, is the Parzen estimator; the median
    rule is that of Golovin et al., "Google Vizier", KDD 2017; halving that of Li et al., arXiv:1810.05934.
    """
    name = getattr(build, "__name__", "build")
    require_optuna()
    if not callable(build):
        raise TypeError(f"build: expected a function of a dict of values, got {describe(build)}")
    say = print if boolean("verbose", verbose) else None
    parts = Space(space)
    settings = settings_of(parts, sampler, pruner, monitor, seed)
    found = run(
        build,
        parts,
        settings,
        how=lambda values: f"{name}({values!r}).train()",
        trials=trials,
        threads=threads,
        seconds=seconds,
        folder=folder,
        say=say,
    )
    if found.interrupted:
        warnings.warn(f"sweep interrupted: {len(found.trials)} trials have ended", stacklevel=2)
    return found


def settings_of(
    space: Space, sampler: str, pruner: str, monitor: str | None, seed: int, **about: Any
) -> dict[str, Any]:
    """What must be the same for a sweep to go on, as JSON can hold it; `about` is what else must."""
    one_of("sampler", sampler, SAMPLERS)
    one_of("pruner", pruner, PRUNERS)
    seed = integer("seed", seed, 0)
    return {"space": space.to_json(), "sampler": sampler, "pruner": pruner, "monitor": monitor, "seed": seed, **about}


def run(
    build: Callable[[dict[str, Any]], Solver],
    space: Space,
    settings: dict[str, Any],
    *,
    how: Callable[[dict[str, Any]], str],
    trials: int | None,
    threads: int | None,
    seconds: float | None,
    folder: StrPath | None,
    say: Callable[[str], object] | None,
) -> Sweep:
    """What `sweep` does; `how` says by which code the best is trained."""
    points = space.grid() if settings["sampler"] == "grid" else None
    if points is not None:
        points = [points[place] for place in np.random.default_rng(settings["seed"]).permutation(len(points))]
    trials = (len(points) if points else 24) if trials is None else integer("trials", trials, 1)
    if points is not None:
        trials = min(trials, len(points))
    if seconds is not None:
        seconds = number("seconds", seconds, 0, include_low=False)
    with quietly(), _kept(folder) as path:
        sweeping = _Sweeping(build, space, settings, points, path, say)
        sweeping.run(range(trials), thread_count(threads), seconds)
        found = sweeping.result(how)
        if folder is not None:
            found.to_csv(Path(folder, TABLE))
            found.to_markdown(Path(folder, PAGE))
    return found


def require_optuna() -> None:
    """MissingExtraError, where Optuna is missing."""
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f"sweeps need Optuna, the extra tune: pip install 'optuna>=4' ({error})") from None


def thread_count(threads: int | None) -> int:
    """How many trials at a time; ValueError for more than this process has cores for."""
    if threads is None:
        return get_num_threads()
    with at_most(integer("threads", threads, 1)):
        most = get_num_threads()
    if most < threads:
        raise ValueError(f"threads: expected 1 to {most}, which this machine has for us; got {threads}")
    return threads


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """A block in which Optuna tells of nothing but faults."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


@contextlib.contextmanager
def _kept(folder: StrPath | None) -> Iterator[Path | None]:
    """The journal in a folder, which is nobody else's within the block; None for no folder."""
    if folder is None:
        yield None
        return
    from .journal import locked

    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder, JOURNAL)
    with locked(path):
        yield path


class _Sweeping:
    """A sweep that is under way: a study in memory, which ended trials of the journal, if any, begin.

    Attributes
    ----------
    interrupted : bool
    """

    def __init__(
        self,
        build: Callable[[dict[str, Any]], Solver],
        space: Space,
        settings: dict[str, Any],
        points: list[dict[str, Any]] | None,
        path: Path | None,
        say: Callable[[str], object] | None,
    ) -> None:
        self._build, self._space, self._settings, self._points = build, space, settings, points
        self._path, self._say = path, say
        self._distributions = space.distributions()
        self._lock = threading.Lock()  # of all below
        self._study: Any = None
        self._archive: Any = None
        self._first: tuple[dict[str, Any], Solver] | None = None  # built to learn what it monitors
        self._about: dict[str, Any] = {}
        self._taken: set[int] = set()  # numbers of trials that have begun or ended
        self._solvers: set[Solver] = set()
        self._failures: list[BaseException] = []
        self._over = self.interrupted = False
        self._open()

    def _open(self) -> None:
        """Take up the sweep in the journal, or begin one."""
        import optuna

        if self._path is not None:
            from . import journal

            self._archive = journal.stored(self._path)
            if self._archive is not None:
                self._about = self._archive.user_attrs[journal.NAME]
                journal.check_settings(self._path, self._about["settings"], self._settings)
        if self._archive is None:
            self._begin()
        pruners = {
            "median": optuna.pruners.MedianPruner(n_startup_trials=5),
            "halving": optuna.pruners.SuccessiveHalvingPruner(),
            "none": optuna.pruners.NopPruner(),
        }
        self._study = optuna.create_study(direction=self._direction, pruner=pruners[self._settings["pruner"]])
        if self._archive is not None:
            self._study.add_trials(self._archive.trials)
            self._taken.update(trial.user_attrs["number"] for trial in self._archive.trials)

    def _begin(self) -> None:
        """Build the first trial, to learn what the sweep goes by, and make the journal."""
        import optuna

        study = optuna.create_study(sampler=self._sampler(0))
        values = self._space.values(self._draw(study, 0).params)
        try:
            solver = self._solver(values)
        except optuna.TrialPruned:
            raise ValueError(f"build: gave no Solver for the first values, {values}") from None
        monitor = self._settings["monitor"] or solver.monitor
        higher = greater_is_better(solver, monitor)
        self._about = {"settings": self._settings, "monitor": monitor, "greater_is_better": higher}
        self._about["targets"] = _targets(solver)
        self._first = values, solver
        if self._path is not None:
            from . import journal

            self._archive = journal.new(self._path, self._direction, self._about)

    @property
    def _direction(self) -> Literal["minimize", "maximize"]:
        return "maximize" if self._about["greater_is_better"] else "minimize"

    def run(self, numbers: range, threads: int, seconds: float | None) -> None:
        """Train the trials of these numbers that have not ended yet."""
        self._waiting = [number for number in numbers if number not in self._taken]
        self._ends = math.inf if seconds is None else monotonic() + seconds
        with CtrlC() as ctrl_c, ctrl_c.held():
            count = min(threads, len(self._waiting))
            workers = [threading.Thread(target=self._work) for _ in range(count)]
            for worker in workers:
                worker.start()
            for worker in workers:
                while worker.is_alive():
                    worker.join(LOOK_SECONDS)
                    if ctrl_c.pressed or self._failures:
                        self._over = True
                        for solver in tuple(self._solvers):
                            solver.stop()
        if self._failures:
            raise self._failures[0]
        self.interrupted = ctrl_c.pressed

    def _work(self) -> None:
        with alone():
            while (number := self._next()) is not None:
                try:
                    self._train(number)
                except BaseException as error:
                    self._failures.append(error)

    def _next(self) -> int | None:
        with self._lock:
            if self._over or self._failures or not self._waiting or monotonic() >= self._ends:
                return None
            return self._waiting.pop(0)

    def _train(self, number: int) -> None:
        import optuna

        with self._lock:
            self._study.sampler = self._sampler(number)
            trial = self._draw(self._study, number)
        values = self._space.values(trial.params)
        began, solver, outcome = perf_counter(), None, "complete"
        try:
            solver = self._built(values)
            watch = _Watch(trial, self._about["monitor"])
            solver.callbacks, solver.verbose = [*solver.callbacks, watch], False
            self._solvers.add(solver)
            try:
                solver.run()
            finally:
                self._solvers.discard(solver)
            if watch.pruned:
                outcome = "pruned"
            elif solver.interrupted:
                return  # it is not of the trials that have ended
        except optuna.TrialPruned:
            outcome = "pruned"
        except TrainingDiverged:
            outcome = "diverged"
        self._end(trial, number, outcome, solver, perf_counter() - began)

    def _built(self, values: dict[str, Any]) -> Solver:
        """The Solver of a trial, which may be there already."""
        with self._lock:
            first, self._first = self._first, None
        if first is not None and first[0] == values:
            return first[1]
        solver = self._solver(values)
        if self._about["targets"] != _targets(solver):
            before = "" if self._path is None else f" of the sweep in {self._path}"
            raise DataError(f"build: expected the targets that other trials{before} have, got others for {values}")
        return solver

    def _solver(self, values: dict[str, Any]) -> Solver:
        solver = self._build(dict(values))
        if not isinstance(solver, Solver):
            raise TypeError(f"build: expected a numbanet.Solver, got {describe(solver)}")
        if self._about:
            greater_is_better(solver, self._about["monitor"])  # which refuses what is not measured
        return solver

    def _end(self, trial: Any, number: int, outcome: str, solver: Solver | None, seconds: float) -> None:
        """Enter a trial that has ended into the study and the journal."""
        from optuna.trial import TrialState

        monitor = self._about["monitor"]
        row = {} if solver is None else _best_row(solver, monitor, self._about["greater_is_better"])
        if outcome == "complete" and monitor not in row:
            outcome = "diverged"
        attributes = {
            "number": number,
            "outcome": outcome,
            "epochs": 0 if solver is None else solver.epoch,
            "seconds": seconds,
            "row": row,
        }
        with self._lock:
            for name, each in attributes.items():
                trial.set_user_attr(name, each)
            # Of a training that diverged the sampler should learn, which passes over those that failed.
            ended = {"values": row[monitor]} if outcome == "complete" else {"state": TrialState.PRUNED}
            frozen = self._study.tell(trial, **ended)
            self._taken.add(number)
            if self._archive is not None:
                self._archive.add_trial(frozen)
            if self._say:
                self._say(line(trial_of(frozen, self._space, monitor), monitor))

    def _draw(self, study: Any, number: int) -> Any:
        if self._points is not None:
            study.enqueue_trial(self._points[number])
        return study.ask(self._distributions)

    def _sampler(self, number: int) -> Any:
        """What draws the values of a trial: a new one each time, so that one that is taken up draws as if it had never
        been stopped."""
        import optuna

        seed = int(np.random.SeedSequence([self._settings["seed"], number]).generate_state(1)[0])
        if self._settings["sampler"] == "tpe":
            return optuna.samplers.TPESampler(seed=seed)
        return optuna.samplers.RandomSampler(seed=seed)

    def result(self, how: Callable[[dict[str, Any]], str]) -> Sweep:
        """The `Sweep`."""
        monitor, higher = self._about["monitor"], self._about["greater_is_better"]
        ended = [trial for trial in self._study.trials if "outcome" in trial.user_attrs]
        trials = [trial_of(frozen, self._space, monitor) for frozen in ended]
        found = Sweep(best_first(trials, higher), monitor, higher, self._study, self.interrupted)
        return found if found.best is None else replace(found, how=how(found.best.values))


class _Watch:
    """A callback that tells the trial what was measured, and stops a training that lags behind.

    Attributes
    ----------
    pruned : bool
    """

    def __init__(self, trial: Any, monitor: str) -> None:
        self._trial, self._monitor, self.pruned = trial, monitor, False

    def on_epoch_end(self, solver: Solver, logs: dict[str, float]) -> bool:
        epoch = int(logs["epoch"])
        self._trial.report(logs[self._monitor], epoch)
        self.pruned = SPARED * solver.epochs < epoch < solver.epochs and self._trial.should_prune()
        return self.pruned


def _best_row(solver: Solver, monitor: str, higher: bool) -> dict[str, float]:
    """All that was measured where `monitor` was best; empty where it was never finite."""
    best, history = Best(monitor, higher), solver.history
    for row in zip(*history.to_dict().values(), strict=True):
        named = dict(zip(history.columns, row, strict=True))
        best.enter(int(named["epoch"]), named)
    return {name: value for name, value in best.row.items() if math.isfinite(value)}


def _targets(solver: Solver) -> list[int]:
    """A number for the targets of each part, to tell them from others."""
    parts = [(name, part) for name, part in solver._parts.items() if part is not None]
    return [dict(part.checksums())[f"y_{name}"] for name, part in parts]
