"""`numbanet bench`: times, counts, what other libraries do, and what is printed."""

from tests.mutants import Mutant

BENCH, FIGURES, PEERS = "numbanet/bench", "tests/test_bench_figures.py", "tests/test_bench_peers.py"


def _mutant(what, file, old, new, test):
    return Mutant(what, f"{BENCH}/{file}.py", old, new, test)


PRINTED = f"{FIGURES}::test_every_figure_of_the_command_follows_from_the_times"
COUNTED = f"{FIGURES}::test_bytes_and_floating_point_operations_are_those_counted_by_hand"
SAMPLED = f"{FIGURES}::test_a_sample_is_the_time_of_calls_and_finish_by_the_number_of_parts"
LIMIT = f"{FIGURES}::test_the_limit_of_a_step_is_its_products_at_the_peak_and_the_bytes_of_adam"

MUTANTS = [
    _mutant(
        "restore runs inside the clock",
        "timing",
        """        if self.restore:
            self.restore()
        with self.within():
            start = self.clock()
""",
        """        with self.within():
            start = self.clock()
            if self.restore:
                self.restore()
""",
        SAMPLED,
    ),
    _mutant(
        "entering the context is inside the clock",
        "timing",
        "        with self.within():\n            start = self.clock()\n",
        "        start = self.clock()\n        with self.within():\n",
        SAMPLED,
    ),
    _mutant(
        "a call's time is not divided by its parts",
        "timing",
        "perf_counter() / (self.calls * self.parts)",
        "perf_counter() / self.calls",
        SAMPLED,
    ),
    _mutant(
        "nobody waits for the end of a sample", "timing", "        if self.finish:\n", "        if False:\n", SAMPLED
    ),
    _mutant(
        "too few calls for a sample of several parts",
        "timing",
        "self.sample() * self.calls * self.parts",
        "self.sample() * self.calls * self.parts**2",
        f"{FIGURES}::test_calls_are_as_many_as_fill_a_sample",
    ),
    _mutant(
        "the fastest way is that of the best worst sample",
        "timing",
        "min(candidate.sample() for _ in range(5))",
        "max(candidate.sample() for _ in range(5))",
        f"{FIGURES}::test_the_fastest_is_chosen_by_its_best_sample_of_five",
    ),
    Mutant(
        "floating-point operations of convolution doubled",
        "numbanet/operations/__init__.py",
        '_conv("conv_forward", _CONVOLUTION, flops="2',
        '_conv("conv_forward", _CONVOLUTION, flops="4',
        COUNTED,
    ),
    Mutant(
        "a convolution's gradients count as one",
        "numbanet/operations/__init__.py",
        'flops="4NPQ',
        'flops="2NPQ',
        COUNTED,
    ),
    Mutant(
        "floating-point operations of products without the additions",
        "numbanet/operations/__init__.py",
        '_affine("affine_forward", _LINEAR, terms="D", flops="2',
        '_affine("affine_forward", _LINEAR, terms="D", flops="1',
        COUNTED,
    ),
    Mutant(
        "what is updated moves once",
        "numbanet/bench/operations.py",
        'size * (1 + (name in operation.arrays("updated")))',
        "size",
        COUNTED,
    ),
    Mutant(
        "Adam's second moment is not updated",
        "numbanet/operations/__init__.py",
        '"m": updated("P"), "v": _SECOND,',
        '"m": updated("P"), "v": "P",',
        COUNTED,
    ),
    _mutant(
        "a step's gradient of the input counts for the first layer too",
        "ours",
        "net.batch * (3 * sum(forward) - forward[0])",
        "net.batch * 3 * sum(forward)",
        f"{FIGURES}::test_floating_point_operations_of_networks_are_those_counted_by_hand",
    ),
    _mutant(
        "torch trains without the update",
        "torch_peer",
        "            optimizer.step()\n",
        "",
        f"{PEERS}::test_torch_takes_the_steps_that_we_take",
    ),
    _mutant(
        "torch adds its gradients up",
        "torch_peer",
        "            optimizer.zero_grad(set_to_none=True)\n",
        "",
        f"{PEERS}::test_torch_takes_the_steps_that_we_take",
    ),
    _mutant(
        "torch computes one gradient less",
        "torch_peer",
        "        torch.sum(t.dout, 0, out=t.db)\n",
        "",
        f"{PEERS}::test_torch_computes_what_the_reference_does",
    ),
    _mutant(
        "scikit-learn learns at another rate",
        "sklearn_peer",
        '"learning_rate_init": LEARNING_RATE',
        '"learning_rate_init": LEARNING_RATE / 2',
        f"{PEERS}::test_scikit_learn_takes_the_steps_that_we_take",
    ),
    _mutant("medians are maxima", "versus", "library: median(samples)", "library: max(samples)", PRINTED),
    _mutant(
        "a rate by the reference's time", "versus", 'rate / seconds["kernels"]', 'rate / seconds["reference"]', PRINTED
    ),
    _mutant(
        "a step's rate is that of a prediction",
        "versus",
        'step.flops / seconds["kernels"]',
        'prediction / seconds["kernels"]',
        PRINTED,
    ),
    _mutant(
        "ratios inverted",
        "report",
        'self.seconds[library] / self.seconds["kernels"]',
        'self.seconds["kernels"] / self.seconds[library]',
        PRINTED,
    ),
    _mutant("a share of something else", "report", "row.rate / row.peak:.0%", "row.peak / row.rate:.0%", PRINTED),
    _mutant("rates in 2**30", "report", "row.rate / 1e9", "row.rate / 2**30", PRINTED),
    _mutant(
        "the mean is not geometric",
        "report",
        "figure(geometric_mean(ratios))",
        "figure(sum(ratios) / len(ratios))",
        f"{FIGURES}::test_the_mean_is_geometric_and_of_those_that_were_measured",
    ),
    _mutant(
        "milliseconds are microseconds",
        "report",
        '(1e3, "ms")',
        '(1e3, "µs")',
        f"{FIGURES}::test_times_have_the_unit_that_suits_them",
    ),
    _mutant(
        "half an answer is read",
        "turns",
        'if not line.endswith("\\n"):',
        "if not line:",
        "tests/test_bench.py::test_a_worker_that_does_not_answer_is_told",
    ),
    _mutant(
        "BLAS keeps a setting that slows it down",
        "turns",
        'for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):',
        'for name in ("OPENBLAS_L2_SIZE",):',
        "tests/test_bench.py::test_a_worker_has_as_many_threads_as_it_is_told_for_every_library",
    ),
    _mutant(
        "BLAS takes all threads",
        "turns",
        '"OPENBLAS_NUM_THREADS", ',
        "",
        "tests/test_bench.py::test_a_worker_has_as_many_threads_as_it_is_told_for_every_library",
    ),
    _mutant(
        "workers always go in the same order",
        "turns",
        "rng.sample(list(workers), len(workers))",
        "list(workers)",
        "tests/test_bench.py::test_in_each_block_every_worker_has_a_turn_in_random_order_after_a_pause",
    ),
    _mutant(
        "errors of sums count by each element",
        "operations",
        'own = operation.family in ELEMENTWISE and operation.name.endswith("forward")',
        "own = True",
        "tests/test_bench.py::test_errors_of_sums_are_in_units_of_the_largest_element",
    ),
    Mutant(
        "products' floating-point operations without the additions",
        "benchmarks/products.py",
        "2e-9 * m * k * n",
        "1e-9 * m * k * n",
        "tests/test_bench_scripts.py::test_products",
    ),
    Mutant(
        "products are compared with the slower of the others",
        "benchmarks/products.py",
        "ratio = min(seconds[library] for library in libraries[1:])",
        "ratio = max(seconds[library] for library in libraries[1:])",
        "tests/test_bench_scripts.py::test_products",
    ),
    Mutant(
        "the input gradient of convolutions counts the filters' too",
        "benchmarks/convolutions.py",
        'found[library, "both"] - found[library, "filters"]',
        'found[library, "both"]',
        "tests/test_bench_scripts.py::test_convolutions",
    ),
    Mutant(
        "convolutions' ratio inverted",
        "benchmarks/convolutions.py",
        "{theirs / ours:7.2f}x",
        "{ours / theirs:7.2f}x",
        "tests/test_bench_scripts.py::test_convolutions",
    ),
    _mutant(
        "the limit of a step leaves out its update",
        "limits",
        "self.flops / peaks.multiply_adds(threads) + self.moved / peaks.bandwidth(self.held, threads)",
        "self.flops / peaks.multiply_adds(threads)",
        LIMIT,
    ),
    _mutant(
        "what an update changes is read or written, not both",
        "limits",
        'len(arrays) + arrays.count("updated")',
        "len(arrays)",
        LIMIT,
    ),
    _mutant(
        "the limit counts padding between parameters",
        "ours",
        "sum(value.size for value in model.params.values())",
        "model.params.flat.size",
        LIMIT,
    ),
    _mutant(
        "share of the limit inverted",
        "report",
        "row.limit / row.seconds['kernels']",
        "row.seconds['kernels'] / row.limit",
        PRINTED,
    ),
    _mutant(
        "ours trains a full batch for one epoch where several are counted",
        "ours",
        "solver(name, implementation, net.epochs).train",
        "solver(name, implementation).train",
        f"{PEERS}::test_several_epochs_of_one_batch_are_that_many_steps",
    ),
    _mutant(
        "torch trains a full batch for one epoch where several are counted",
        "torch_peer",
        "for _ in range(net.epochs):",
        "for _ in range(1):",
        f"{PEERS}::test_several_epochs_of_one_batch_are_that_many_steps",
    ),
    _mutant(
        "another commit is measured by its own table",
        "graft",
        '_graft("operations", _bench.parent / "operations")\n',
        "",
        "tests/test_bench.py::test_the_graft_leaves_the_rest_to_the_other_commit",
    ),
    _mutant(
        "modules of another commit's benchmark stay",
        "graft",
        '_graft("bench", _bench)\n',
        "",
        "tests/test_bench.py::test_the_graft_leaves_the_rest_to_the_other_commit",
    ),
    Mutant(
        "rows take the first round",
        "benchmarks/rows.py",
        "return None if None in seconds else median(seconds)",
        "return None if None in seconds else seconds[0]",
        "tests/test_bench_scripts.py::test_rows",
    ),
    Mutant(
        "rows' others by the first column of ours",
        "benchmarks/rows.py",
        'f"{each / times[-1]:.2f}x" for each in theirs',
        'f"{each / times[0]:.2f}x" for each in theirs',
        "tests/test_bench_scripts.py::test_rows",
    ),
    Mutant(
        "a process that never rests stays",
        "benchmarks/rows.py",
        "            process.kill()\n            process.wait()\n",
        "            pass\n",
        "tests/test_bench_scripts.py::test_processes_that_never_rest_run_meanwhile_and_are_gone_afterwards",
    ),
]
