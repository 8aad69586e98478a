"""Who may use a network's buffers when, so that one network serves any number of threads.

A call that predicts takes a workspace, memory with the programs lowered into it, and gives it back: calls that run at
the same time have different ones, and none waits for another. Training changes what all of them read, so it runs by
itself: it waits for the predictions that are under way, and those that come meanwhile wait for the end of its step.

There is no lock, which Ctrl-C could leave taken. Every change below is one operation of a list or a dict, which
Python's threads cannot interrupt, and whoever must wait looks again a little later.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from ._views import aligned_zeros
from .program import PLAIN, Form, Program
from .runtime import threading_layer, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ._types import ByteArray
    from .models import Sequential


KEPT_PROGRAMS = 64  # of a workspace: batch sizes for which the list of operations is kept,
KEPT_BYTES = 1 << 26  # or fewer, where their batches take more than that together,
KEPT_AT_LEAST = 8  # but never fewer than these
KEPT_WORKSPACES = max(2, os.cpu_count() or 1)  # that are kept when nobody uses them
SHORTEST_LOOK, LONGEST_LOOK = 2e-5, 1e-3  # seconds between two looks of somebody who waits

_all: weakref.WeakSet[Workspaces] = weakref.WeakSet()
_nothing: dict[str, int] = {}


class Workspace:
    """What one running call needs: memory, and the programs that were lowered into it.

    Parameters
    ----------
    alone : bool
        Whether its programs use the calling thread only.
    """

    def __init__(self, alone: bool) -> None:
        self.alone = alone
        self.forget()

    def forget(self) -> None:
        """Drop everything that was lowered."""
        self._memory = np.empty(0, np.uint8)
        self._programs: OrderedDict[tuple[int, bool, Form, int, bool], Program] = OrderedDict()
        self._latest: tuple[Any, Any] = None, None

    def memory(self, size: int) -> ByteArray:
        """`size` bytes, the same for all programs, which run one at a time."""
        if self._memory.nbytes < size:
            self._memory = aligned_zeros(size, np.uint8)
        return self._memory

    def program(self, model: Sequential, batch: int, training: bool, form: Form = PLAIN) -> Program:
        """The network lowered for this batch size, for training on batches of this form, or for inference."""
        # In a forked child what was lowered with a parallel form of a user's function may not run any more.
        key = batch, training, form, 1 if self.alone else threads.get_num_threads(), threading_layer.forked
        latest, program = self._latest
        if key == latest:
            return program
        program = self._programs.get(key)
        if program is None:
            program = self._programs[key] = self._lowered(model, batch, training, form)
            self._drop()
        self._programs.move_to_end(key)
        self._latest = key, program
        return program

    def programs(self) -> list[Program]:
        """Those that are kept, the one used last at the end."""
        return list(self._programs.values())

    def _lowered(self, model: Sequential, batch: int, training: bool, form: Form) -> Program:
        if not self.alone:
            return Program(model, batch, training, self.memory, form)
        with threads.alone():
            return Program(model, batch, training, self.memory, form)

    def _drop(self) -> None:
        """Drop the programs that were used least recently, where there are too many."""
        size = sum(program.own_bytes for program in self._programs.values())
        while len(self._programs) > KEPT_PROGRAMS or (size > KEPT_BYTES and len(self._programs) > KEPT_AT_LEAST):
            size -= self._programs.popitem(last=False)[1].own_bytes


class Workspaces:
    """The workspaces of one network.

    One, the main one, is for training and for the call that finds it free. Others are made when calls meet, and each
    computes on the thread that calls.

    Attributes
    ----------
    homes : tuple of list
        Where workspaces are that nobody uses: the main one, and the others.
    trainer : dict
        Empty, or what `begin` has entered.
    wanted : ndarray of int64, shape (1,)
        Not 0 where somebody waits for training to pause, for a loop of many steps to look at.
    """

    def __init__(self) -> None:
        self.wanted = np.zeros(1, np.int64)
        self.homes: tuple[list[Workspace], list[Workspace]] = [], []
        self._mains, self._others = self.homes
        self._made: weakref.WeakSet[Workspace] = weakref.WeakSet()
        self._main: Callable[[], Workspace | None] = lambda: None
        self.trainer: dict[str, int] = {}
        self._waiting: dict[object, bool] = {}
        self._claims: dict[str, object] = {}
        _all.add(self)

    def take(self) -> Workspace:
        """A workspace for inference, the caller's until ``homes[workspace.alone].append(workspace)``.

        That belongs in a ``finally`` as it is: a function of ours, Ctrl-C could interrupt before its first line.
        """
        try:
            workspace = self._mains.pop()
        except IndexError:
            workspace = self._another()
        # Whoever trains has entered `trainer` before it counts the workspaces at home: one of the two sees the other.
        return self._after_training(workspace) if self.trainer else workspace

    def _another(self) -> Workspace:
        """One of the others, or a new one, which is the main one where that is not there yet."""
        try:
            while len(self._others) > KEPT_WORKSPACES:
                self._others.pop()
            return self._others.pop()
        except IndexError:
            return self._new_main() if self._main() is None else self._new(alone=True)

    def _new(self, alone: bool) -> Workspace:
        workspace = Workspace(alone)
        self._made.add(workspace)
        return workspace

    def _new_main(self) -> Workspace:
        workspace = self._new(alone=False)
        self._main = weakref.ref(workspace)
        return workspace

    def main(self) -> Workspace:
        """The main workspace, for whoever trains."""
        workspace = self._main()
        if workspace is None:  # not used yet, or lost to a Ctrl-C between taking it and giving it back
            workspace = self._new_main()
            self._mains.append(workspace)
        return workspace

    def _after_training(self, workspace: Workspace) -> Workspace:  # type: ignore[return]  # `_looks` never ends
        """A workspace once the step that is running has ended, in exchange for one."""
        self.homes[workspace.alone].append(workspace)
        if self.trainer.get("thread") == threading.get_ident():  # a prediction within a step
            return self._new(alone=True)
        me = object()
        try:
            self._waiting[me] = True
            for pause in _looks():
                if not self.trainer:
                    try:
                        workspace = self._mains.pop()
                    except IndexError:
                        workspace = self._another()
                    if not self.trainer:
                        return workspace
                    self.homes[workspace.alone].append(workspace)
                self.wanted[0] = 1
                time.sleep(pause)
        finally:
            self._waiting.pop(me, None)
            self.wanted[0] = len(self._waiting) > 0

    def begin(self) -> Callable[[], object]:
        """Begin a training: no other and no inference runs until its end, which is a call of what this returns.

        That belongs in a ``finally``. A thread may begin one within another.
        """
        me = threading.get_ident()
        if self.trainer.get("thread") == me:
            return _nothing.clear
        try:
            for pause in _looks():
                # Calls that waited for the last step have their turn before the next.
                if not self._waiting and self.trainer.setdefault("thread", me) == me:
                    break
                time.sleep(pause)
            for pause in _looks():
                if len(self._mains) + len(self._others) >= len(self._made):
                    break
                time.sleep(pause)
        except BaseException:
            if self.trainer.get("thread") == me:
                self.trainer.clear()
            raise
        return self.trainer.clear  # no function of ours, which Ctrl-C could interrupt before its first line

    def claim(self, who: object) -> None:
        """Say that `who` is going to train for long; RuntimeError where somebody else does. `free` ends it."""
        if self._claims.setdefault("by", who) is not who:
            raise RuntimeError(
                "model: is being trained in another thread; train it there, or a copy of it (copy.deepcopy)"
            )

    def free(self, who: object) -> None:
        """The end of what `claim` began."""
        if self._claims.get("by") is who:
            self._claims.clear()

    def forget(self) -> None:
        """Drop everything that was lowered, since what it is bound to has changed."""
        end = self.begin()
        try:
            for workspace in list(self._made):
                workspace.forget()
        finally:
            end()


def _looks() -> Iterator[float]:
    """Seconds to wait until the next look, for ever: hardly any at first, then more and more."""
    pause = SHORTEST_LOOK
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_LOOK)


def _forked() -> None:
    """In a forked child, threads that used a workspace, trained or waited are not there any more."""
    me = threading.get_ident()
    for workspaces in list(_all):
        workspaces._waiting.clear()
        if workspaces.trainer.get("thread") != me:
            wanted = workspaces.wanted
            workspaces.__init__()  # type: ignore[misc]  # it has no subclass
            workspaces.wanted = wanted  # compiled loops look there


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
