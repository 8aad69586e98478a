"""Own layers and losses in files: saved by the name of the class, found again without importing anything."""

import json
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

import numbanet as nn
from numbanet._declarations import declared, described

X = np.random.default_rng(0).standard_normal((7, 4))


@dataclass(frozen=True)
class Scaled(nn.LeakyReLU):
    """A leaky ReLU with more options than it needs, of every kind that a file can hold."""

    sides: tuple = (1, 2)
    inside: object = None
    note: str = ""
    exact: bool = True
    weight_init: object = field(default=abs, repr=False)  # as all initializers, it is left out


class Plain(nn.Tanh):
    """Without options."""


@dataclass(frozen=True)
class Twice(nn.SquaredError):
    factor: float = 2.0


class Outer:
    class Inner(nn.Sigmoid):
        pass


def network(layer=None, loss="softmax"):
    return nn.Sequential([nn.Affine(3), layer or Plain(), nn.Affine(2)], (4,), loss=loss, seed=0)


def save(tmp_path, model):
    model.save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


def rename(path, old, new):
    """Another name for a class, in the header of a file."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    text = str(arrays["numbanet"])
    assert json.dumps(old) in text
    np.savez(path, **{**arrays, "numbanet": np.array(text.replace(json.dumps(old), json.dumps(new)))})


LAYERS = [
    Plain(),
    Outer.Inner(),
    Scaled(0.3),
    Scaled(0.3, (4, 5), nn.ELU(0.7), "é", False),
    Scaled(inside=(Plain(), Scaled(0.1, inside=Twice(3.5)))),
    nn.Residual([nn.Affine(3), Plain()], [Scaled(0.2)]),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_an_own_layer_comes_back(layer, tmp_path):
    model = network(layer)
    again = nn.load(save(tmp_path, model))
    assert type(again.layers[1]) is type(layer)
    assert repr(again.layers[1]) == repr(layer)
    np.testing.assert_array_equal(again.loss(X), model.loss(X))


def test_an_own_loss_comes_back(tmp_path):
    again = nn.load(save(tmp_path, network(loss=Twice(3.0)))).loss_function
    assert type(again) is Twice
    assert again == Twice(3.0)


def test_what_a_file_says():
    """The format: a change of it loses every file that there is."""
    layer = Scaled(np.float32(0.5), [np.int64(1)], nn.Residual([nn.Affine(3)]))
    assert described(layer) == {
        "type": f"{__name__}:Scaled",
        "negative_slope": 0.5,
        "sides": [1],
        "inside": {
            "type": "Residual",
            "layers": [{"type": "Affine", "units": 3, "parametrization": "standard"}],
            "shortcut": [],
        },
        "note": "",
        "exact": True,
    }
    assert described(nn.Softmax()) == {"type": "Softmax", "label_smoothing": 0.0}
    assert described(Outer.Inner()) == {"type": f"{__name__}:Outer.Inner"}


def test_a_subclass_of_the_same_name_is_not_taken_for_ours(tmp_path):
    class Tanh(nn.Tanh):
        pass

    path = save(tmp_path, network(Tanh()))
    assert type(nn.load(path, custom=[Tanh]).layers[1]) is Tanh
    with pytest.raises(nn.CheckpointError, match="custom=.Tanh"):
        nn.load(path)


# Nothing is imported by reading a file.


def test_a_module_that_is_not_imported_stays_so(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "stranger.py").write_text("import numbanet\nclass Plain(numbanet.Tanh):\n    pass\n")
    path = save(tmp_path, network())
    rename(path, f"{__name__}:Plain", "stranger:Plain")
    with pytest.raises(nn.CheckpointError, match="made with Plain, a class of module stranger, ") as raised:
        nn.load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert str(raised.value).endswith("import it first, or give it: numbanet.load(path, custom=[Plain])")
    assert "stranger" not in sys.modules
    assert type(nn.load(path, custom=[Scaled, Plain]).layers[1]) is Plain
    import stranger

    assert type(nn.load(path).layers[1]) is stranger.Plain
    assert type(nn.load(path, custom=[stranger.Plain]).layers[1]) is stranger.Plain


@pytest.mark.parametrize(
    "name", ["os:system", "subprocess:Popen", "json:JSONDecoder", "builtins:dict", "numbanet:no.such", ":Plain", "os:"]
)
def test_what_is_no_layer_is_not_made(name, tmp_path):
    path = save(tmp_path, network())
    rename(path, f"{__name__}:Plain", name)
    with pytest.raises(nn.CheckpointError, match="which is not there"):
        nn.load(path)


def test_a_loss_is_no_layer_and_a_layer_no_loss(tmp_path):
    path = save(tmp_path, network(loss=Twice()))
    rename(path, f"{__name__}:Twice", f"{__name__}:Plain")
    with pytest.raises(nn.CheckpointError, match="which is not there"):
        nn.load(path)
    path = save(tmp_path, network(nn.Tanh()))
    rename(path, "Tanh", "Softmax")
    with pytest.raises(nn.CheckpointError, match="damaged header"):
        nn.load(path)


class Lazy:
    """A module that imports when it is asked for a name, as numbanet does."""

    def __getattr__(self, name):
        raise AssertionError(f"asked for {name}")


def test_no_module_is_asked_for_what_it_does_not_hold(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lazy", Lazy())
    path = save(tmp_path, network())
    rename(path, f"{__name__}:Plain", "lazy:Plain")
    with pytest.raises(nn.CheckpointError, match="module lazy"):
        nn.load(path)


def test_the_class_that_was_saved_comes_before_one_of_the_same_name(tmp_path):
    other = type("Plain", (nn.Sigmoid,), {"__module__": "elsewhere"})
    path = save(tmp_path, network())
    assert type(nn.load(path, custom=[other, Plain]).layers[1]) is Plain
    assert type(nn.load(path, custom=[other]).layers[1]) is other
    another = type("Plain", (nn.Sigmoid,), {"__module__": "nowhere"})
    with pytest.raises(nn.CheckpointError, match="2 classes in custom are called so, none is that one"):
        nn.load(path, custom=[other, another])


@pytest.mark.parametrize(
    ("custom", "message"),
    [
        (Plain, r"custom: expected a list of classes, got the class; write custom=\[Plain\]"),
        ([Plain()], "custom: expected classes of layers and losses, got Plain"),
        ([Plain, dict], "custom: expected classes of layers and losses, got"),
        ("Plain", "custom: expected a list of classes"),
        (None, "custom: expected a list of classes"),
    ],
)
def test_bad_custom(custom, message, tmp_path):
    path = save(tmp_path, network())
    with pytest.raises(TypeError, match=message):
        nn.load(path, custom=custom)


# What cannot be saved, or made again.


class Remembers(nn.Tanh):
    def __init__(self):
        object.__setattr__(self, "seen", [])


@dataclass(frozen=True)
class Typed(nn.Tanh):
    type: str = "a"


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Remembers(), "Remembers.* cannot be saved: seen is none of its options"),
        (Typed(), "option type"),
        (Scaled(sides=np.zeros(2)), "Scaled.* cannot be saved: option sides: files hold numbers, .* got .*array"),
        (Scaled(inside=abs), "option inside"),
        (Scaled(inside={"a": 1}), "option inside"),
        (Scaled(sides=(1, (2, 1j))), "option sides"),
    ],
)
def test_options_that_no_file_holds(layer, message, tmp_path):
    model = network(layer)
    with pytest.raises(TypeError, match=message):
        model.save(tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())


def test_a_class_that_has_changed(tmp_path, monkeypatch):
    path = save(tmp_path, network(Scaled(0.3)))
    rename(path, "note", "remark")
    with pytest.raises(nn.CheckpointError, match=r"Scaled\(.*remark.*\), which cannot be made again: .*remark"):
        nn.load(path)


@pytest.mark.parametrize("layer", [nn.Affine(3), nn.Conv(2, 3), nn.Dropout(0.25), nn.BatchNorm(), nn.GELU("tanh")])
def test_our_own_keep_their_short_names(layer):
    assert described(layer)["type"] == type(layer).__name__
    assert repr(declared(described(layer), nn.Layer)) == repr(layer)
