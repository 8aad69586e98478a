"""One network in many threads: what each gets is what it would get alone."""

import copy
import gc
import os
import pickle
import signal
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from nets import each_step

import numbanet
from numbanet import (
    Affine,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    FullyConnectedNet,
    LayerNorm,
    MaxPool,
    ReLU,
    Sequential,
    Solver,
)
from numbanet.data import Standardizer
from numbanet.optim import Optimizer
from numbanet.program import training_steps

RNG = np.random.default_rng(0)
X = RNG.standard_normal((600, 12)).astype(np.float32)
Y = RNG.integers(3, size=600)


def dense(**options):
    return FullyConnectedNet([16, 16], 12, 3, weight_init="he_normal", seed=0, **options)


def mixed(**options):
    layers = [Affine(16), BatchNorm(), ReLU(), Dropout(0.2), Affine(16), LayerNorm(), ReLU(), Affine(3)]
    net = Sequential(layers, (12,), seed=0, **options)
    net.standardizer = Standardizer.fit(X)
    return net


def images(**options):
    layers = [Conv(4, 3, padding=1), ReLU(), MaxPool(2), Flatten(), Affine(3)]
    return Sequential(layers, (3, 2, 2), seed=0, **options)


NETWORKS = [dense, mixed, images]


def by_threads(work, jobs, threads=8):
    """What `work` gives for each job, from a pool; Python changes threads far more often than it would by itself."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(work, jobs))
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("ops", [numbanet.kernels, numbanet.reference])
@pytest.mark.parametrize("build", NETWORKS)
def test_predictions_at_once_are_those_made_alone(build, ops):
    net, jobs = build(ops=ops), [slice(start, start + size) for size in (1, 7, 64, 600) for start in range(0, 200, 4)]
    alone = [net.predict_proba(X[job]) for job in jobs]
    for got, expected in zip(by_threads(lambda job: net.predict_proba(X[job]), jobs), alone, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_predictions_at_once_do_not_wait_for_each_other():
    net = dense()
    results = []

    taken = [net.workspaces.take() for _ in range(2)]  # as if two calls were under way
    thread = threading.Thread(target=lambda: results.append(net.predict(X)))
    thread.start()
    thread.join(30)
    assert len(results) == 1
    for workspace in taken:
        net.workspaces.homes[workspace.alone].append(workspace)


def steps_of(net, steps, **options):
    data = {"X_train": X, "y_train": Y}
    epochs = steps * 50 // len(X)
    config = {"learning_rate": 1e-2}
    return Solver(
        net, data, optimizer="adam", optimizer_options=config, batch_size=50, epochs=epochs, verbose=False, **options
    )


@pytest.mark.parametrize(
    "options", [{}, {"callbacks": each_step(lambda solver: None)}], ids=["compiled", "step by step"]
)
@pytest.mark.parametrize("build", NETWORKS)
def test_training_is_not_touched_and_predictions_are_of_whole_steps(build, options):
    """Each prediction while another thread trains is that of the network after some step, and they go forward."""
    alone = build()
    rows, whole = X[:5], []

    def note(solver):
        whole.append(alone.predict_proba(rows).tobytes())

    whole.append(alone.predict_proba(rows).tobytes())
    steps_of(alone, 60, callbacks=each_step(note)).train()
    net, ended = build(), threading.Event()
    seen = [[] for _ in range(4)]

    def predict(mine):
        while not ended.is_set():
            mine.append(net.predict_proba(rows).tobytes())

    threads = [threading.Thread(target=predict, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    try:
        steps_of(net, 60, **options).train()
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    np.testing.assert_array_equal(net.params.flat, alone.params.flat)
    np.testing.assert_array_equal(net.state.flat, alone.state.flat)
    for mine in seen:
        places = [whole.index(each) for each in mine]  # ValueError for what is of no whole step
        assert places == sorted(places)
    assert len({each for mine in seen for each in mine}) > 3  # they saw training go on


def test_a_loop_of_steps_pauses_for_who_waits():
    net = dense()
    optimizer = Optimizer("sgd", net.params.flat.size)
    steps = training_steps(net.workspaces.main().program(net, 50, training=True), X, Y, optimizer)
    net.workspaces.wanted[0] = 1
    assert len(steps(np.arange(600))) == 1
    net.workspaces.wanted[0] = 0
    assert len(steps(np.arange(600))) == 12
    assert optimizer.t == 13


@pytest.mark.slow
def test_a_hundred_thousand_calls_from_eight_threads_while_another_trains():
    net = dense()
    alone = dense()
    whole = {alone.predict_proba(X[:3]).tobytes()}
    steps_of(alone, 24_000, callbacks=each_step(lambda solver: whole.add(alone.predict_proba(X[:3]).tobytes()))).train()
    counts, strange = [0] * 7, []

    def predict(number):
        while sum(counts) < 100_000:
            counts[number] += 1
            if net.predict_proba(X[:3]).tobytes() not in whole:
                strange.append(number)

    def train(_):
        steps_of(net, 24_000).train()

    with ThreadPoolExecutor(8) as pool:
        trained = pool.submit(train, None)
        list(pool.map(predict, range(7)))
        trained.result()
    assert not strange
    assert sum(counts) >= 100_000
    np.testing.assert_array_equal(net.params.flat, alone.params.flat)


def test_losses_of_several_threads_take_turns():
    """Every gradient is that of one batch and of the running averages that this batch has moved."""
    net, jobs = dense(), [slice(start, start + 50) for start in range(0, 600, 50)] * 20
    alone = {job.start: net.loss(X[job], Y[job]) for job in jobs}
    for job, (loss, grads) in zip(jobs, by_threads(lambda job: net.loss(X[job], Y[job]), jobs), strict=True):
        expected_loss, expected = alone[job.start]
        assert loss == expected_loss
        for name, value in grads.items():
            np.testing.assert_array_equal(value, expected[name])


def test_two_trainings_of_one_network_are_refused():
    net, other, refused = dense(), [], []
    first = steps_of(net, 12, callbacks=each_step(lambda solver: other and other.pop()()))
    second = steps_of(net, 12)

    def begin():
        thread = threading.Thread(target=try_second)
        thread.start()
        thread.join()

    def try_second():
        try:
            second.train()
        except RuntimeError as error:
            refused.append(str(error))

    other.append(begin)
    first.train()
    assert refused == ["model: is being trained in another thread; train it there, or a copy of it (copy.deepcopy)"]
    second.train()  # now it may
    assert second.step == 12


def test_files_and_copies_made_while_another_thread_trains_are_of_whole_steps(tmp_path):
    alone = mixed()
    whole = [alone.params.flat.tobytes()]
    steps_of(alone, 240, callbacks=each_step(lambda solver: whole.append(alone.params.flat.tobytes()))).train()
    net = mixed()
    training = threading.Thread(target=lambda: steps_of(net, 240).train())
    training.start()
    made = 0
    while training.is_alive() or not made:
        net.save(tmp_path / "net.npz")
        copies = numbanet.load(tmp_path / "net.npz"), pickle.loads(pickle.dumps(net)), copy.deepcopy(net)
        assert all(each.params.flat.tobytes() in whole for each in copies)
        made += 1
    training.join()
    np.testing.assert_array_equal(net.params.flat, alone.params.flat)


def test_options_may_change_while_other_threads_predict():
    net, ended = dense(), threading.Event()
    shifted = Standardizer(np.full(12, 1.0), np.full(12, 2.0))
    plain = net.predict_proba(X[:9])
    net.standardizer = shifted
    standardized = net.predict_proba(X[:9])
    seen = set()

    def predict(_):
        while not ended.is_set():
            seen.add(net.predict_proba(X[:9]).tobytes())

    with ThreadPoolExecutor(4) as pool:
        running = pool.map(predict, range(4))
        for _ in range(30):
            net.standardizer = None
            net.l2 = 0.5
            net.standardizer = shifted
        time.sleep(0.05)
        ended.set()
        list(running)
    assert seen <= {plain.tobytes(), standardized.tobytes()}
    assert standardized.tobytes() in seen


def test_ctrl_c_at_any_place_leaves_the_network_usable():
    """KeyboardInterrupt wherever Python looks for signals, which is at calls: later calls neither hang nor differ."""
    net = dense()
    expected, (loss, _) = net.predict_proba(X[:3]), net.loss(X[:50], Y[:50])
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        pytest.skip("signals reach the main thread only")

    def interrupt(signum, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        interrupted = 0
        for number in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-5 + number * 2e-6)
                while True:
                    net.predict_proba(X[:3])
                    net.loss(X[:50], Y[:50])
            except KeyboardInterrupt:
                interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted == 300
    with ThreadPoolExecutor(2) as pool:  # others than the one that was interrupted
        np.testing.assert_array_equal(pool.submit(net.predict_proba, X[:3]).result(60), expected)
        assert pool.submit(net.loss, X[:50], Y[:50]).result(60)[0] == loss


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_forked_while_others_train_and_predict_predicts():
    net, ended = dense(), threading.Event()
    net.predict_proba(X[:3])

    def predict():
        while not ended.is_set():
            net.predict_proba(X[:3])

    def train():
        while not ended.is_set():
            net.loss(X[:50], Y[:50])

    threads = [threading.Thread(target=work) for work in (predict, predict, train)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                os._exit(0 if len(net.predict_proba(X[:3])) == 3 else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("build", NETWORKS)
def test_a_network_that_was_used_goes_with_its_last_name(build):
    """Without the cycle collector, which may take its time with what is large."""
    net = build()
    net.predict(X)
    net.loss(X[:50], Y[:50])
    steps_of(net, 12).train()
    by_threads(net.predict, [X[start:] for start in range(20)])
    gone, memory = weakref.ref(net), weakref.ref(net.workspaces.main())
    gc.disable()
    try:
        del net
        assert gone() is None
        assert memory() is None
    finally:
        gc.enable()


def test_no_more_workspaces_are_kept_than_serve(monkeypatch):
    net, together = dense(), threading.Barrier(6)

    def hold(_):
        workspace = net.workspaces.take()
        try:
            together.wait(30)
        finally:
            net.workspaces.homes[workspace.alone].append(workspace)

    monkeypatch.setattr("numbanet.workspaces.KEPT_WORKSPACES", 2)
    by_threads(hold, range(6), 6)
    by_threads(lambda start: net.predict(X[start:]), range(40))
    held = [net.workspaces.take() for _ in range(3)]
    assert len(net.workspaces._others) <= 2
    for workspace in held:
        net.workspaces.homes[workspace.alone].append(workspace)


def resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def make_train_and_drop(number):
    net = [dense, mixed, images][number % 3]()
    data = {"X_train": X[:64], "y_train": Y[:64]}
    Solver(net, data, optimizer="sgd", batch_size=16 + number % 5, epochs=1, verbose=False).train()
    net.predict(X[: 1 + number % 40])


def test_dropped_networks_leave_nothing_to_the_cycle_collector():
    for number in range(6):
        make_train_and_drop(number)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for number in range(6):
            make_train_and_drop(number)
        gc.collect()
        left = {type(each).__qualname__ for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left <= {"CtrlC", "_Hold"}  # which hold nothing but each other


@pytest.mark.slow
@pytest.mark.timeout(5400)
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this platform does not tell memory as Linux does")
def test_memory_stays_where_it_is_over_twenty_thousand_networks():
    for number in range(1_000):
        make_train_and_drop(number)
    gc.collect()
    before = resident_mib()
    for number in range(20_000):
        make_train_and_drop(number)
    gc.collect()
    assert resident_mib() - before < 2
