"""Constants of the kernels: one name has one value, in whichever file it stands."""

import ast
import importlib
from pathlib import Path

import numbanet.kernels

FOLDER = Path(numbanet.kernels.__file__).parent


def constants():
    """Names in capitals with the values that files give them: {name: {module: value}}."""
    found = {}
    for path in {*FOLDER.rglob("*.py")} - {*FOLDER.rglob("__init__.py")}:
        module = importlib.import_module(
            ".".join(["numbanet.kernels", *path.relative_to(FOLDER).with_suffix("").parts])
        )
        for statement in ast.parse(path.read_text()).body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            for target in (name for node in targets for name in ast.walk(node) if isinstance(name, ast.Name)):
                if target.id.isupper():
                    found.setdefault(target.id, {})[path.stem] = getattr(module, target.id)
    return found


def test_one_name_has_one_value():
    found = constants()
    assert {"MR", "NR_VECTORS", "KC", "MC"} <= set(found)
    several = {name: values for name, values in found.items() if len({repr(value) for value in values.values()}) > 1}
    assert several == {}
