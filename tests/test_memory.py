"""Which arrays share memory: by hand, for lifetimes drawn at random, and for networks drawn at random."""

import itertools

import numpy as np
import pytest

import numbanet
from numbanet import Sequential, layers
from numbanet._views import ALIGNMENT
from numbanet.program import Program, build
from numbanet.program.memory import _in_order, address, layout, lifetimes, moved, owner, reserved

# By hand.


def buffers(*sizes):
    """Arrays of so many float32, and the same by address."""
    arrays = [reserved((size,), np.float32) for size in sizes]
    return arrays, {address(array): array for array in arrays}


def test_an_array_lives_from_the_first_to_the_last_operation_that_takes_it():
    (a, b, c, scores, unused), places = buffers(6, 4, 4, 4, 4)
    weights = np.ones(6, np.float32)  # somebody else's
    operations = [(a, weights, b), (b, 0.5, c), (c, (2, 2), scores), (a.reshape(2, 3)[:, 1:], b[:0], c)]
    lives = lifetimes(operations, places, [scores])
    assert lives == {address(a): (0, 3), address(b): (0, 1), address(c): (1, 3), address(scores): (2, 4)}
    assert address(unused) not in lives


def test_a_view_belongs_to_the_array_that_it_is_of():
    (a, b), places = buffers(6, 6)
    assert owner(a[2:].reshape(2, 2).T, places) == address(a)
    assert owner(b[::2], places) == address(b)
    assert owner(np.ones(6, np.float32), places) is None
    assert owner(a.copy()[1:], places) is None


def test_a_view_moves_with_its_array():
    (a, b), places = buffers(6, 6)
    a[:], b[:] = np.arange(6), np.arange(10, 16)
    memory = np.zeros(256, np.uint8)
    offsets = {address(a): 64, address(b): 128}
    memory[64:88], memory[128:152] = a.view(np.uint8), b.view(np.uint8)
    for array in (a, b, a[2:], b.reshape(2, 3)[:, 1:], a.reshape(3, 2).T, b[::-2]):
        there = moved(array, places, offsets, memory)
        assert np.shares_memory(there, memory)
        assert (there.dtype, there.strides) == (array.dtype, array.strides)
        assert there.tolist() == array.tolist()
    others = (np.ones(3), np.empty((0, 3)), a[:0], 0.5, (2, 2))
    assert all(moved(other, places, offsets, memory) is other for other in others)


@pytest.mark.parametrize(
    ("lives", "sizes", "offsets", "size"),
    [
        ({}, {}, {}, 0),
        # Each is done with one operation after the next began: the third is where the first was.
        ({1: (0, 1), 2: (1, 2), 3: (2, 3)}, {1: 64, 2: 64, 3: 64}, {1: 0, 2: 64, 3: 0}, 128),
        # In one and the same operation: nowhere the same place.
        ({1: (0, 0), 2: (0, 0)}, {1: 128, 2: 64}, {1: 0, 2: 128}, 192),
        # One that ends where another begins is still read there; one later it is not.
        ({1: (0, 4), 2: (4, 9)}, {1: 64, 2: 64}, {1: 0, 2: 64}, 128),
        ({1: (0, 4), 2: (5, 9)}, {1: 64, 2: 64}, {1: 0, 2: 0}, 64),
        # Sizes go up to whole lines, and a small one fits below one that lives on.
        ({1: (0, 9), 2: (0, 1), 3: (2, 9)}, {1: 100, 2: 60, 3: 4}, {1: 0, 2: 128, 3: 128}, 192),
        # The three orders, each where it alone takes least: the largest first;
        ({1: (1, 1), 2: (2, 3), 3: (0, 3)}, {1: 256, 2: 192, 3: 64}, {1: 0, 2: 0, 3: 256}, 320),
        # those that are large and live long, as 2, before 4, which is larger and lives for one operation;
        (
            {1: (1, 2), 2: (0, 3), 3: (2, 2), 4: (3, 3)},
            {1: 128, 2: 192, 3: 192, 4: 256},
            {2: 0, 1: 192, 4: 192, 3: 320},
            512,
        ),
        # those that end last.
        (
            {1: (0, 0), 2: (3, 3), 3: (1, 3), 4: (0, 2)},
            {1: 256, 2: 256, 3: 128, 4: 192},
            {2: 0, 3: 256, 4: 0, 1: 192},
            448,
        ),
    ],
)
def test_places_by_hand(lives, sizes, offsets, size):
    assert layout(lives, sizes) == (offsets, size)
    assert_apart(lives, sizes, offsets, size)


def test_places_are_taken_again_whichever_comes_first():
    lives, sizes = {"early": (0, 1), "late": (2, 3)}, {"early": 64, "late": 64}
    for order in (("early", "late"), ("late", "early")):
        assert _in_order(order, lives, sizes) == ({"early": 0, "late": 0}, 64)


# For any.


def lines(size):
    """In bytes, whole lines of the cache."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def assert_apart(lives, sizes, offsets, size):
    """None overlaps another that lives at the same time, and the whole is as large as it must be and may be."""
    assert offsets.keys() == lives.keys()
    assert all(offset % ALIGNMENT == 0 <= offset for offset in offsets.values())
    assert all(offset + sizes[place] <= size for place, offset in offsets.items())
    for a, b in itertools.combinations(lives, 2):
        if set(range(lives[a][0], lives[a][1] + 1)) & set(range(lives[b][0], lives[b][1] + 1)):
            assert offsets[a] + sizes[a] <= offsets[b] or offsets[b] + sizes[b] <= offsets[a]
    moments = {moment for life in lives.values() for moment in life}
    alive = [sum(lines(sizes[a]) for a, (first, last) in lives.items() if first <= at <= last) for at in moments]
    assert max(alive, default=0) <= size <= sum(lines(sizes[place]) for place in lives)


@pytest.mark.parametrize("seed", range(200))
def test_places_of_arrays_drawn_at_random(seed):
    rng = np.random.default_rng(seed)
    count, operations = rng.integers(1, 40), rng.integers(1, 30)
    lives, sizes = {}, {}
    for place in range(count):
        first = int(rng.integers(operations))
        lives[place] = first, int(rng.integers(first, operations))
        sizes[place] = int(rng.choice([1, 4, 63, 64, 65, 256, 1000, rng.integers(1, 5000)]))
    assert_apart(lives, sizes, *layout(lives, sizes))


@pytest.mark.parametrize("seed", range(50))
def test_lifetimes_of_operations_drawn_at_random(seed):
    """Against what NumPy says of who shares memory with whom."""
    rng = np.random.default_rng(seed)
    arrays, places = buffers(*rng.integers(2, 30, size=8))
    others = [np.ones(4, np.float32), 0.5, (3, 3)]

    def drawn():
        array = arrays[rng.integers(len(arrays))]
        views = array, array[1:], array[::2], array[:1].reshape(1, 1), array[:0]
        return [*views, *others][rng.integers(8)]

    operations = [[drawn() for _ in range(rng.integers(1, 5))] for _ in range(12)]
    kept = arrays[:2]
    lives = lifetimes(operations, places, kept)
    assert lives == observed(operations, places, kept)


def observed(operations, places, kept):
    """As `lifetimes`, by asking NumPy for each argument and each array whether they share memory."""
    lives = {}
    for number, arguments in enumerate([*operations, kept]):
        for place, array in places.items():
            if any(isinstance(one, np.ndarray) and np.shares_memory(one, array) for one in arguments):
                lives[place] = (lives.get(place, (number,))[0], number)
    return lives


# Networks.

ACTIVATIONS = list(layers.ACTIVATIONS.values())


def drawn_layers(rng, images, depth=0):
    """Some layers that keep the height and width of images, and the features of rows, if not within a `Residual`."""
    chosen, width = [], 6
    for _ in range(rng.integers(1, 5)):
        kinds = [
            lambda: ACTIVATIONS[rng.integers(len(ACTIVATIONS))](),
            lambda: layers.Dropout(0.3),
            layers.BatchNorm,
            layers.Scale,
            lambda: layers.Parametric(ACTIVATIONS[rng.integers(len(ACTIVATIONS))]()),
            lambda: layers.Residual(drawn_layers(rng, images, depth + 1)) if depth < 2 else layers.ReLU(),
        ]
        if images:
            kinds += [
                lambda: layers.Conv(width, 3, padding="same"),
                lambda: layers.Conv(width, 1, bias=False),
                lambda: layers.GroupNorm(3),
                lambda: layers.MaxPool(3, stride=1, padding=1),
                lambda: layers.AvgPool(3, stride=1, padding=1),
            ]
        else:
            kinds += [lambda: layers.Affine(width), layers.LayerNorm, lambda: drawn_columns(rng, depth), drawn_members]
        chosen.append(kinds[rng.integers(len(kinds))]())
    return chosen


def drawn_columns(rng, depth):
    """Six columns that become six again, with layers that change their number."""
    inside = [layers.PeriodicEmbedding(3, 2), layers.Affine(6)]
    inside += drawn_layers(rng, False, depth + 1)[:1] if depth < 2 else []
    runs = [(2, [*inside, layers.Affine(3)]), (1, []), (3, [layers.Scale(), layers.Affine(2)])]
    return layers.Columns([runs[index] for index in rng.permutation(3)])


def drawn_members():
    """Two members, whose three numbers each are six again."""
    inside = [layers.Members(2), layers.MemberAffine(3, 2), layers.SELU(), layers.MemberAffine(3, 2, shared=False)]
    return layers.Columns([(6, inside)])


def drawn_network(seed):
    """A network of layers drawn at random, on the reference."""
    rng = np.random.default_rng(seed)
    images = bool(rng.integers(2))
    chosen = drawn_layers(rng, images)
    if images:
        chosen = [layers.Conv(6, 3), *chosen]
        chosen += [layers.GlobalAvgPool(), layers.Flatten(), layers.MaxPool(2), layers.ReLU()][rng.integers(4) :][:1]
    else:
        chosen = [layers.Affine(6), *chosen]
    shape = (2, 7, 6) if images else (5,)
    loss = ("softmax", "svm")[rng.integers(2)]
    return Sequential([*chosen, layers.Affine(3)], shape, loss=loss, l2=1e-3, seed=seed, ops=numbanet.reference)


def kinds_of(network_layers):
    found = set()
    for layer in network_layers:
        found |= {type(layer).__name__}.union(*map(kinds_of, layer.parts().values()))
    return found


SEEDS = range(60)


def test_the_networks_have_layers_of_every_kind():
    drawn = set.union(*(kinds_of(drawn_network(seed).layers) for seed in SEEDS))
    assert drawn == {*layers.LAYERS} - {"Embedding"}  # of codes, which come out of no layer


def one_pass(net, batch, training):
    """All that a pass of the network gives, after what its memory held before has become NaN."""
    rng = np.random.default_rng(batch)
    program = Program(net, batch, training, lambda size: np.zeros(size, np.uint8))
    program.workspace[: len(program.workspace) // 4 * 4].view(np.float32)[:] = np.nan
    program.x[:] = rng.standard_normal(program.x.shape)
    if not training:
        program.infer()
        return program.scores.copy()
    program.y[:] = rng.integers(3, size=batch)
    loss = program.step()
    return np.concatenate([[loss], program.scores.ravel(), net.grads.flat, *map(np.ravel, net.state.values())])


@pytest.mark.parametrize("seed", SEEDS)
def test_networks_compute_the_same_in_shared_memory(seed, monkeypatch):
    """As where every array has a place of its own; and what shares a place never lives at the same time."""
    for batch, training in ((1, False), (4, False), (2, True), (5, True)):
        seen = []

        def noted(operations, places, kept, seen=seen):
            seen.append((observed(operations, places, kept), lifetimes(operations, places, kept)))
            return seen[-1][1]

        def placed(lives, sizes, seen=seen):
            seen.append((lives, sizes, *layout(lives, sizes)))
            return seen[-1][2:]

        def apart(lives, sizes):
            ends = list(itertools.accumulate((lines(sizes[place]) for place in lives), initial=0))
            return dict(zip(lives, ends, strict=False)), ends[-1]

        monkeypatch.setattr(build, "lifetimes", noted)
        monkeypatch.setattr(build, "layout", placed)
        shared = one_pass(drawn_network(seed), batch, training)
        (truth, lives), places = seen
        assert truth == lives
        assert_apart(*places)
        monkeypatch.setattr(build, "layout", apart)
        alone = one_pass(drawn_network(seed), batch, training)
        assert not np.isnan(alone).any()
        np.testing.assert_array_equal(shared, alone)
