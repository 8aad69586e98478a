"""What is shown of a training that runs: figures known by hand, by a clock that is faked."""

import io
from types import SimpleNamespace

import pytest

from numbanet.training import progress as _progress
from numbanet.training.steps import Batches


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(_progress, "perf_counter", lambda: now[0])
    return now


def solver(step, losses, **more):
    """A training of three epochs of four steps each, of which `step` are done."""
    made = SimpleNamespace(steps_per_epoch=4, num_steps=12, train_acc_history=[0.1], val_acc_history=[0.2])
    made.history = ["accuracy"]
    made._batches = Batches(40, 10, False, lambda left: True, None)
    made.step, made.loss_history, made.epoch = step, losses, step // 4
    vars(made).update(more)
    return made


def line(display):
    display.step()
    return display.stream.getvalue().splitlines()[-1]


def test_lines_give_the_epoch_s_mean_and_accuracies_where_it_ends(clock):
    training = solver(1, [4.0])
    lines = _progress.Lines(training, io.StringIO())
    clock[0] += 10.0
    training.step, training.loss_history = 3, [4.0, 2.0, 3.0]  # 10 s for two steps, and nine to go
    assert line(lines) == "epoch 0.7/3  loss 3.0000  45.0 s left"  # without the accuracies of the first step
    clock[0] += 0.1
    training.loss_history, training.step, training.epoch = [4.0, 2.0, 3.0, 1.0], 4, 1
    training.train_acc_history, training.val_acc_history = [0.1, 0.5], [0.2, 0.25]
    assert line(lines) == "epoch 1/3  loss 2.5000  train 50.00%  val 25.00%  26.9 s left"
    clock[0] += 9.9  # too soon for a line within an epoch
    training.loss_history, training.step = [4.0, 2.0, 3.0, 1.0, 0.5], 5
    lines.step()
    assert len(lines.stream.getvalue().splitlines()) == 2
    clock[0] += 0.2
    assert line(lines) == "epoch 1.2/3  loss 0.5000  35.4 s left"  # 20.2 s for four steps, and seven to go
    training.step, training.epoch = 12, 3
    training.loss_history = [4.0, 2.0, 3.0, 1.0, *[9.0] * 4, 0.1, 0.2, 0.3, 0.4]
    assert line(lines) == "epoch 3/3  loss 0.2500  train 50.00%  val 25.00%"


def test_without_validation_data_there_is_one_accuracy(clock):
    lines = _progress.Lines(solver(4, [1.0] * 4, val_acc_history=[]), io.StringIO())
    assert line(lines) == "epoch 1/3  loss 1.0000  train 10.00%"


def test_an_epoch_is_not_done_before_it_is(clock):
    training = solver(99, [1.0] * 99, steps_per_epoch=100, num_steps=200, epoch=0)
    assert _progress.Lines(training, io.StringIO()).epoch() == "epoch 0.9/2"


def test_a_bar_keeps_the_accuracies_of_the_epoch_before(clock, monkeypatch):
    tqdm = pytest.importorskip("tqdm").tqdm
    monkeypatch.setattr("os.get_terminal_size", lambda *_: SimpleNamespace(columns=100, lines=30))
    training = solver(2, [4.0, 2.0])
    bar = _progress.Bar(training, Terminal(), tqdm)
    bar.step()
    clock[0] += 1.0
    bar.step()
    assert bar.bar.postfix == "loss 3.0000"
    training.step, training.epoch, training.loss_history = 6, 1, [9.0, 9.0, 9.0, 9.0, 1.0, 2.0]
    clock[0] += 1.0
    bar.step()
    assert bar.bar.postfix == "loss 1.5000  train 10.00%  val 20.00%"
    assert (bar.bar.n, bar.bar.total) == (6, 12)
    bar.say("a note")
    bar.close()
    assert "\na note\n" in bar.stream.getvalue() or "\ra note\n" in bar.stream.getvalue()
