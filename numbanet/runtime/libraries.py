"""What LLVM makes of a compiled function: code of its own, a part of its callers', or what they call by address.

Numba optimises every function alone, makes machine code of it, and gives what it was made of to all who call it, who do
the same again. Here each line of a kernel goes through LLVM once.
"""

from llvmlite import binding

from .internals import JITCodeLibrary


class Whole(JITCodeLibrary):
    """Machine code of one function and all its parts, which LLVM sees as one module.

    Each is simplified by itself before: without that, which takes a twentieth of the time, convolutions by 5 x 5
    filters took 1.6 times as long, softmax 1.15.
    """


class Part(Whole):
    """What those who call a function are given to make machine code of; it has none of its own."""

    def finalize(self):
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_pointer_to_function(self, name):
        return 0

    @property
    def codegen(self):
        return _NoMachineCode


class _NoMachineCode:
    """Instead of the compiler, which would put the function's environment where its machine code expects it."""

    @staticmethod
    def set_env(name, environment):
        pass


class Reference:
    """For those who call a function by address: there is nothing to link, but `load` must have run before they do."""

    _nothing = None

    def __init__(self, load):
        self._reload_init = {load}

    def _ensure_finalized(self):
        pass

    def _get_module_for_linking(self):
        if Reference._nothing is None:
            Reference._nothing = binding.parse_assembly("")
        return Reference._nothing
