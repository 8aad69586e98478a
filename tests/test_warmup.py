"""Compiling ahead of time: all that networks call, and nothing twice."""

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest

import numbanet as nn
from numbanet import _warmup, kernels
from numbanet.cli import main
from numbanet.data import Augment
from numbanet.layers import ACTIVATIONS, NORMALIZATIONS
from numbanet.losses import LOSSES
from numbanet.operations import OPERATIONS
from numbanet.optim import RULES, Optimizer
from numbanet.program import Program
from numbanet.program.build import Form
from numbanet.runtime.cache import cache_folder
from numbanet.runtime.compiling import types_of


class Notes:
    """In the place of a namespace of operations: notes what is called with what, and computes nothing."""

    def __init__(self):
        self.calls = {}  # operation -> list of argument lists

    def __getattr__(self, name):
        getattr(kernels, name)  # AttributeError where there is none
        return Noted(self.calls.setdefault(name, []))


class Noted:
    """One operation of `Notes`."""

    def __init__(self, calls):
        self._calls = calls

    def __call__(self, *arguments):
        self._calls.append(arguments)

    def variant(self, *arguments):
        self(*arguments)
        return self


def called(dtype):
    """Every operation that networks and optimizers of this dtype call, with arguments of each call that they make."""
    notes = Notes()
    between = [layer() for layer in (*NORMALIZATIONS.values(), *ACTIVATIONS.values())]
    between += [nn.Scale(), nn.Parametric("selu"), nn.Columns([(2, [nn.Embedding([3, 2])])]), nn.PeriodicEmbedding(3)]
    flat = [*(nn.Affine(2), nn.ReLU()), *(nn.Affine(2), *between), *(nn.GELU("tanh"), nn.Dropout(0.5), nn.Affine(2))]
    for loss, declaration in LOSSES.items():
        net = nn.Sequential(flat, (2,), loss=loss, l2=0.1, dtype=dtype, seed=0, ops=notes)
        for soft in (False, True) if declaration is nn.Softmax else (False,):
            for weighted in (False, True):
                Program(net, 2, training=True, form=Form(weighted, soft))
        scores = Program(net, 2, training=False).scores
        with contextlib.suppress(ValueError):  # some have no probabilities
            declaration().probabilities(scores, notes)
    ensemble = [nn.Members(2), nn.MemberAffine(2, 2), nn.MemberAffine(2, 2, shared=False)]
    for loss in ("softmax", "squared_error"):
        net = nn.Sequential(ensemble, (2,), loss=nn.MembersLoss(loss, 2), dtype=dtype, seed=0, ops=notes)
        for weighted in (False, True):
            Program(net, 2, training=True, form=Form(weighted, False))
        Program(net, 2, training=False)
    deep = [*(nn.Conv(2, 3, padding=1), nn.ReLU()), nn.Residual([nn.Conv(2, 3, padding=1)])]
    deep += [nn.MaxPool(1), nn.AvgPool(1), nn.GroupNorm(1)]
    for end in ([nn.Flatten(), nn.Affine(2)], [nn.GlobalAvgPool()]):
        net = nn.Sequential([*deep, *end], (2, 2, 2), dtype=dtype, seed=0, ops=notes)
        Program(net, 2, training=True)
        Program(net, 2, training=False)
    images = np.zeros((2, 1, 2, 2), dtype)
    Augment(1).gather(images, np.zeros(2, np.int64), 0, np.zeros_like(images), notes)
    for rule in RULES:
        more = {"clip_norm": 1.0, "clip_value": 1.0, "ema_decay": 0.9}
        Optimizer(rule, 2, dtype, notes, **more).update(np.zeros(2, dtype), np.zeros(2, dtype))
    return notes.calls


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_networks_and_optimizers_call_every_operation_with_the_types_that_are_compiled(dtype):
    found = called(dtype)
    assert set(found) == set(kernels.__all__)
    for name, calls in found.items():
        serial = getattr(kernels, name).serial
        foreseen = types_of(serial, _warmup.arguments(name, dtype))
        assert {types_of(serial, call) for call in calls} == {foreseen}, name


FEW = ("relu_forward", "relu_backward", "sgd_update")


@pytest.fixture
def few(monkeypatch):
    """Three small kernels are all there is."""
    monkeypatch.setattr(_warmup, "OPERATIONS", {name: OPERATIONS[name] for name in FEW})
    monkeypatch.setattr(_warmup.call_table, "LOOPS", ())


@pytest.mark.usefixtures("few")
def test_progress_and_result():
    told = []
    _warmup.warmup()
    done = nn.warmup(on_progress=lambda *progress: told.append(progress))
    assert (done.compiled, done.ready, done.folder) == (0, 3, cache_folder())
    assert told == [(0, 0, "")]


@pytest.mark.usefixtures("few")
def test_workers_compile_into_the_cache_and_nothing_twice(tmp_path):
    script = """
import json, sys
from numbanet import _warmup
_warmup.OPERATIONS = {name: _warmup.OPERATIONS[name] for name in ("relu_forward", "relu_backward", "sgd_update")}
_warmup.call_table.LOOPS = ()
told = []
first = _warmup.warmup(processes=2, on_progress=lambda *progress: told.append(progress[:2]))
second = _warmup.warmup(processes=2)
print(first.compiled, first.ready, second.compiled, second.ready, told)
"""
    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=100)
    assert done.stdout == "3 0 0 3 [(0, 3), (1, 3), (2, 3), (3, 3)]\n", done.stderr


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(("parallel", "forms"), [(False, {"serial"}), (True, {"serial", "parallel"})])
def test_parallel_forms_are_for_those_who_ask(parallel, forms):
    jobs = _warmup._jobs(["float32"], parallel)
    assert {(job.name, job.form) for job in jobs} == {(name, form) for name in FEW for form in forms}


def test_the_loops_that_run_programs_are_compiled_for_what_they_are_called_with():
    steps = nn.Solver(nn.FullyConnectedNet([2], 2, 2), {"X_train": np.ones((4, 2)), "y_train": [0, 1, 0, 1]}, epochs=1)
    steps.train()
    for loop, types in _warmup.call_table.LOOPS:
        assert list(loop.overloads) == [types]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dtypes": ["int8"]}, ValueError, "dtype"),
        ({"processes": 0}, ValueError, "processes"),
        ({"parallel": 1}, TypeError, "parallel"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        nn.warmup(**options)


@pytest.mark.usefixtures("few")
def test_command(capsys):
    assert main(["warmup", "--dtype", "float32", "--processes", "1"]) == 0
    assert "3" in capsys.readouterr().out
    assert main(["warmup", "--dtype", "float16"]) == 2
