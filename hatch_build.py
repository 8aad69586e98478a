"""Wheels that carry machine code: where NUMBANET_MACHINE_CODE asks for it, ``python -m build --wheel`` compiles it.

The variable is a list of levels with commas, such as "x86-64-v3,x86-64-v4", or "all" for those of this machine's kind.
Without it a wheel is for every platform, and compiles kernels where it is used.
"""

import os
import platform
import subprocess
import sys
import sysconfig
import tempfile

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "NUMBANET_MACHINE_CODE"


class MachineCode(BuildHookInterface):
    """Compiles for each level in a process of its own, and names the wheel after Python's version and the platform."""

    PLUGIN_NAME = "custom"

    def dependencies(self):
        return self.metadata.core.dependencies if os.environ.get(VARIABLE) else []

    def initialize(self, version, build_data):
        levels = os.environ.get(VARIABLE)
        if self.target_name != "wheel" or version == "editable" or not levels:
            return
        self._folder = tempfile.TemporaryDirectory()
        command = [sys.executable, "-m", "numbanet._shipping", self._folder.name, levels]
        environment = {**os.environ, "PYTHONPATH": self.root}
        if subprocess.run(command, env=environment, cwd=self.root).returncode:
            raise SystemExit(f"{VARIABLE}={levels}: no machine code was made")
        build_data["force_include"][self._folder.name] = "numbanet/_machine_code"
        build_data["pure_python"] = False
        build_data["tag"] = f"cp{sys.version_info[0]}{sys.version_info[1]}-none-{_platform()}"

    def finalize(self, version, build_data, artifact_path):
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def _platform():
    """This machine's platform, as wheels name it.

    Of the system's libraries the code calls memset, memcpy and pow alone, which every glibc has.
    """
    name = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return name.replace("linux", "manylinux_2_17", 1) if platform.libc_ver()[0] == "glibc" else name
