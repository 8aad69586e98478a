"""What kernels run on: compiling them, keeping their machine code, choosing their form, threads, the table of calls.

Nothing here knows a kernel. From the bottom up:

- `settings` tells of variables of the environment that ask for what cannot be; `first_import` loads numba without
  scipy; `internals` is all that knows numba's private parts, and refuses a numba that has not got them; `target` says
  which CPU is compiled for; `machine` notices that something is compiled; `lazy` has attributes that are computed once.
- `cache` keeps machine code between processes, `compiling` has the decorators of what is compiled, `libraries` says
  what becomes of it in LLVM.
- `threading_layer` says which of numba's pools of threads there is, and why; `threads` how many are used, and why;
  `placement` keeps them on CPUs of their own; `forks` keeps a forked child from waiting for a lock for ever.
- `memory`, `waiting` and `entries` are what compiled code needs to share numbers, to wait and to call operations;
  `contexts` says where a thread finds its team, `shared_ranges` makes `prange` look there, and `sharing_rules` which of
  users' kernels may. `meetings` is how threads share a loop, `leading` how a team goes down a list of operations, and
  `team` has the threads (docs/team.md).
- `dispatch` makes a function of loops a `Kernel`, in a form for one thread or a team and numba's parallel one;
  `call_table` has lists of operations, and `sharing` measures which of these pay to be shared.
"""

from . import internals  # noqa: F401  before anything else imports numba
