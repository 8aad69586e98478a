"""Wheels that carry machine code: where NUMBANET_MACHINE_CODE asks for it, ``python -m build --wheel`` compiles it.

The variable is a list of levels with commas, such as "x86-64-v3,x86-64-v4", or "all" for those of this machine's kind.
Without it a wheel is for every platform, and compiles kernels where it is used.
"""

import os
import subprocess
import sys
import sysconfig

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "NUMBANET_MACHINE_CODE"


class MachineCode(BuildHookInterface):
    """Compiles for each level in a process of its own, and names the wheel after Python's version and the platform."""

    PLUGIN_NAME = "custom"

    def dependencies(self):
        return self.metadata.core.dependencies if os.environ.get(VARIABLE) else []

    def initialize(self, version, build_data):
        if self.target_name != "wheel" or version == "editable" or not os.environ.get(VARIABLE):
            return
        command = [sys.executable, "-m", "numbanet._shipping", self.directory, os.environ[VARIABLE]]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
        environment["PYTHONPATH"] = self.root
        done = subprocess.run(command, env=environment, cwd=self.root, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"{VARIABLE}: the kernels were not compiled")
        for path in done.stdout.split("\n"):
            if path:
                build_data["force_include"][path] = f"numbanet/_machine_code/{os.path.basename(path)}"
        build_data["pure_python"] = False
        build_data["tag"] = f"cp{sys.version_info[0]}{sys.version_info[1]}-none-{_platform()}"


def _platform():
    """This machine's platform, as wheels name it."""
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
