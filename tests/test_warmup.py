"""Compiling ahead of time: all that networks call, and nothing twice."""

import os
import subprocess
import sys

import numpy as np
import pytest

import numbanet
from numbanet import _warmup, kernels
from numbanet.cli import main
from numbanet.runtime.cache import cache_folder
from numbanet.runtime.compiling import types_of


def test_every_operation_is_called_by_some_network():
    assert set(_warmup.calls(np.float32)) == set(kernels.__all__)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_signature_for_each_operation_and_dtype(dtype):
    for name, calls in _warmup.calls(dtype).items():
        assert len({types_of(getattr(kernels, name).serial, call) for call in calls}) == 1, name


def test_a_network_asks_for_nothing_else():
    notes = _warmup._Notes()
    net = numbanet.FullyConnectedNet([5, 4], 6, 3, normalization="batchnorm", dropout=0.5, l2=0.1, ops=notes)
    numbanet.program.Program(net, 7, training=True)
    foreseen = _warmup.calls(np.float32)
    for name, calls in notes.calls.items():
        types = {types_of(getattr(kernels, name).serial, call) for call in calls}
        assert types == {types_of(getattr(kernels, name).serial, call) for call in foreseen[name]}


@pytest.fixture
def few(monkeypatch):
    """Three small kernels are all there is."""
    names = ("relu_forward", "relu_backward", "sgd_update")
    monkeypatch.setattr(_warmup, "_kernels", lambda dtype, threads: [(name, "serial") for name in names])


@pytest.mark.usefixtures("few")
def test_progress_and_result():
    told = []
    _warmup.warmup()
    done = numbanet.warmup(on_progress=lambda *progress: told.append(progress))
    assert (done.compiled, done.ready, done.folder) == (0, 3, cache_folder())
    assert told == [(0, 0, "")]


@pytest.mark.usefixtures("few")
def test_workers_compile_into_the_cache_and_nothing_twice(tmp_path):
    script = """
import json, sys
from numbanet import _warmup
names = ("relu_forward", "relu_backward", "sgd_update")
_warmup._kernels = lambda dtype, threads: [(name, "serial") for name in names]
told = []
first = _warmup.warmup(processes=2, on_progress=lambda *progress: told.append(progress[:2]))
second = _warmup.warmup(processes=2)
print(first.compiled, first.ready, second.compiled, second.ready, told)
"""
    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=100)
    assert done.stdout == "3 0 0 3 [(0, 3), (1, 3), (2, 3), (3, 3)]\n", done.stderr


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dtypes": ["int8"]}, ValueError, "dtype"),
        ({"processes": 0}, ValueError, "processes"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        numbanet.warmup(**options)


@pytest.mark.usefixtures("few")
def test_command(capsys):
    assert main(["warmup", "--dtype", "float32", "--processes", "1"]) == 0
    assert "3" in capsys.readouterr().out
    assert main(["warmup", "--dtype", "float16"]) == 2
