"""What kernels run on: compiling them, keeping their machine code, choosing their form, threads, the table of calls.

Nothing here knows a kernel. From the bottom up:

- `settings` tells of variables of the environment that ask for what cannot be; `first_import` loads numba without
  scipy; `internals` is all that knows numba's private parts, and refuses a numba that has not got them; `target` says
  which CPU is compiled for; `machine` notices that something is compiled; `lazy` has attributes that are computed once.
- `cache` keeps machine code between processes, `compiling` has the decorators of what is compiled, `libraries` says
  what becomes of it in LLVM.
- `threading_layer` says which of numba's pools of threads there is, and why; `threads` how many are used, and why;
  `placement` keeps them on CPUs of their own; `forks` keeps a forked child from waiting for a lock for ever.
- `dispatch` makes a function of loops a `Kernel`, which runs serial or parallel, as suits its sizes; `call_table` runs
  a list of compiled operations without Python in between; `company` notices that other programs keep the cores.
"""

from . import internals  # noqa: F401  before anything else imports numba
