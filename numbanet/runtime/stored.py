"""A compiled function as it is stored, and how it comes back: its machine code alone.

Numba stores what that was made of beside it, two thirds of all, for functions that have it linked into theirs; and to
read a file it would first load all that it knows of Python and NumPy.
"""

from llvmlite import binding

from .internals import (
    JITCodeLibrary,
    add_runtime_symbols,
    compile_result,
    cpu_target,
    define_symbols,
    referenced_environments,
)

# All that a function is given to link which calls one of these: the machine code is in this process. Numba takes the
# name for a global of this process, and so does not keep the caller in a cache, to be loaded where the code is not.
NOTHING_TO_LINK = "@numba.dynamic.globals.numbanet = weak_odr constant i8 0"


class StoredLibrary(JITCodeLibrary):
    """Machine code that was compiled before.

    Parameters
    ----------
    name : str
    code : bytes
        An object file.
    symbols : list of str
        The functions in it.
    """

    def __init__(self, name, code, symbols):
        super().__init__(cpu_target.target_context.codegen(), name)
        self.enable_object_caching()
        self._set_compiled_object(code)
        self._finalize_final_module()
        define_symbols(self, symbols)

    def _get_module_for_linking(self):
        if self._shared_module is None:
            self._shared_module = binding.parse_assembly(NOTHING_TO_LINK)
        return self._shared_module


def code_of(library):
    """What makes a `StoredLibrary` of a finished library."""
    return library.name, library._get_compiled_object(), [each.name for each in library.get_defined_functions()]


def store(compiled):
    """What there is to store of numba's `CompileResult`; `restore` makes another one of it."""
    description = compiled.fndesc
    description.typemap = description.calltypes = None  # which are for the compiler, and may be large
    rest = description, compiled.environment, compiled.signature, compiled.objectmode, compiled.reload_init
    return code_of(compiled.library), rest, referenced_environments(compiled)


def restore(context, stored):
    """The `CompileResult` that `store` took apart."""
    code, (description, environment, signature, objectmode, reload_init), environments = stored
    add_runtime_symbols()
    for load in reload_init:
        load()
    library = StoredLibrary(*code)
    library._reload_init.update(reload_init)  # which numba forgets, for those who call the function
    function = context.get_executable(library, description, environment)
    for each in environments:
        library.codegen.set_env(each.env_name, each)
    return compile_result(
        typing_context=context.typing_context,
        target_context=context,
        entry_point=function,
        signature=signature,
        objectmode=objectmode,
        lifted=(),
        fndesc=description,
        library=library,
        environment=environment,
        reload_init=reload_init,
        referenced_envs=environments,
        type_annotation="",
    )
