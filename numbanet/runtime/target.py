"""The CPU that kernels are compiled for: the one place that says which, and what it has.

That is this machine's own, or what NUMBA_CPU_NAME and NUMBA_CPU_FEATURES tell numba. A `Level` is a CPU of no maker,
with what all CPUs of a kind have: machine code that a wheel carries is compiled for one.
"""

import functools
import platform
from dataclasses import dataclass

from llvmlite import binding
from numba import config

ADDITION = """
define <16 x float> @f(<16 x float> %a, <16 x float> %b) {
  %c = fadd <16 x float> %a, %b
  ret <16 x float> %c
}"""
FMA = """
declare float @llvm.fma.f32(float, float, float)
define float @f(float %a, float %b, float %c) {
  %d = call float @llvm.fma.f32(float %a, float %b, float %c)
  ret float %d
}"""


@functools.cache
def _instructions(code, triple, cpu, features):
    """What LLVM makes of its own `code` for a CPU by name and features: to learn what that CPU can do."""
    machine = binding.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    return machine.emit_assembly(binding.parse_assembly(code))


@dataclass(frozen=True)
class Target:
    """A CPU as LLVM knows it: the name of a model, and features with which it is more or less than that."""

    cpu: str
    features: str

    def _instructions(self, code):
        return _instructions(code, binding.get_process_triple(), self.cpu, self.features)

    @property
    def vector_bytes(self):
        """Width of the vectors: what is a constant in the machine code."""
        listed = self.features.split(",")
        if {"avx", "avx512f"} <= {feature[1:] for feature in listed}:  # as of this machine: LLVM need not be started
            has_512, has_256 = "+avx512f" in listed, "+avx" in listed
        else:
            code = self._instructions(ADDITION)
            has_512, has_256 = "%zmm" in code, "%ymm" in code
        if has_512:
            return 64
        return 32 if has_256 else 16

    @property
    def vector_registers(self):
        """How many vectors the registers hold: 32 with AVX-512 and on ARM."""
        return 32 if self.vector_bytes == 64 or platform.machine().lower() in _ARM else 16

    @property
    def fuses(self):
        """Whether one instruction multiplies and adds, rounding once."""
        return "fmaf" not in self._instructions(FMA)  # C's function, which LLVM calls where it must


def host():
    """This machine's CPU."""
    return Target(binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())


def current():
    """What numba compiles for."""
    name, features = config.CPU_NAME, config.CPU_FEATURES
    return Target(host().cpu if name is None else name, host().features if features is None else features)


@dataclass(frozen=True)
class Level:
    """A CPU of no maker: what LLVM is told to compile for it, and the features that a CPU needs to run the result."""

    target: Target
    machines: tuple
    needs: frozenset

    def of_this_kind(self):
        """Whether it is a level of this machine's kind of CPU."""
        return platform.machine().lower() in self.machines

    def runs_here(self):
        """Whether this machine's CPU has all that is needed."""
        features = binding.get_host_cpu_features()
        return self.of_this_kind() and all(features.get(name) for name in self.needs)


_X86, _ARM = ("x86_64", "amd64"), ("aarch64", "arm64")
_V3 = "sse3 ssse3 sse4.1 sse4.2 popcnt cx16 sahf avx avx2 bmi bmi2 f16c fma lzcnt movbe"  # as x86-64's psABI has it
LEVELS = {  # the best first
    # By itself LLVM takes vectors of 256 bits for loops, since those of 512 slowed the clocks of the first such CPUs.
    "x86-64-v4": Level(
        Target("x86-64-v4", "-prefer-256-bit"),
        _X86,
        frozenset(f"{_V3} avx512f avx512bw avx512cd avx512dq avx512vl".split()),
    ),
    "x86-64-v3": Level(Target("x86-64-v3", ""), _X86, frozenset(_V3.split())),
    "aarch64": Level(Target("generic", "+neon"), _ARM, frozenset({"neon"})),
}
