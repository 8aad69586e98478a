"""The files that a batch passes on its way to a kernel are those of docs/walk.md."""

import re
import sys
from pathlib import Path

import numpy as np
from nets import CourseModel, digits

import numbanet
from numbanet import Affine, ReLU, Sequential, Solver
from numbanet.program import steps

PACKAGE = Path(numbanet.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "walk.md").read_text(encoding="utf-8")


def in_package(code):
    path = Path(code.co_filename)
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else None


def passed(solver):
    """The files whose functions a step calls that is neither the first nor the last of an epoch; `solver` trains."""
    seen, take_steps = set(), solver._take_steps

    def note(frame, event, _):
        if event == "call":
            seen.add(in_package(frame.f_code))

    def followed():
        before = sys.getprofile()
        if solver.step % solver.steps_per_epoch in (2, 3):
            sys.setprofile(note)
        try:
            return take_steps()
        finally:
            sys.setprofile(before)

    solver._take_steps = followed
    solver.train()
    return seen - {None}


def test_a_compiled_step_passes_the_fifteen_files_of_the_page(monkeypatch):
    around, forms = [], steps.forms  # the operations around those of the program, the gather first

    def kept(operations, *more):
        around.append(operations)
        return forms(operations, *more)

    monkeypatch.setattr(steps, "forms", kept)
    model = Sequential([Affine(20), ReLU(), Affine(10)], 64, seed=0)
    one_by_one = numbanet.callbacks.Callback(on_step_end=lambda solver, logs: None)
    solver = Solver(model, digits(), epochs=2, batch_size=40, verbose=False, callbacks=[one_by_one])
    files = passed(solver)
    assert solver.compiled
    (mine,) = solver._path._kept.values()
    kernels = [around[0][0][0], mine.program.operations.forward[0][0]]
    assert [kernel.__name__ for kernel in kernels] == ["gather", "affine_relu_forward"]
    files |= {in_package(kernel.py_func.__code__) for kernel in kernels}
    listed = re.findall(r"^(\d+)\. \*\*`(.*?)`\*\*", PAGE, re.MULTILINE)
    assert [int(number) for number, _ in listed] == [*range(1, 16)]
    assert files == {name for _, name in listed}


def test_a_step_from_python_passes_the_seven_files_of_the_page():
    def own(w, dw, config):
        return w - 0.1 * dw, config

    files = passed(Solver(CourseModel(), digits(), optimizer=own, epochs=2, batch_size=40, verbose=False))
    (part,) = re.findall(r"passes seven files:\n(.*?)\n\n[^-]", PAGE, re.DOTALL)
    listed = re.findall(r"\*\*`(.*?)`\*\*", part)
    assert len(listed) == 7
    assert files == set(listed)


def test_the_page_names_what_there_is():
    for name in re.findall(r"`([\w/]+\.py)`", PAGE):
        assert (PACKAGE / name).is_file() or (PACKAGE.parent / name).is_file(), name
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {"numbanet": numbanet, "Affine": Affine, "ReLU": ReLU}
    data = digits(60, 10)
    names |= {"X": data["X_train"], "y": data["y_train"], "Solver": lambda *a: Solver(*a, epochs=1, verbose=False)}
    exec(code, names)
    assert np.isfinite(names["model"].params.flat).all()
