"""How programs are compiled here: without optimising, but for what must hold as users have it.

The programs of these tests are tiny, and compiling them is the tests' time. Fusions come out the
same either way, so what is computed and in which order stays as it is; LLVM's optimisation is left
out, the older of XLA's two ways to emit a fusion takes a third of the time, and machine code is
made in one piece, not in 32 for threads that the tests do not have.
"""

import os
from importlib.metadata import version

# JAX 0.11 has one way left to emit a fusion, and ends a process that names a flag it does not have.
_TWO_EMITTERS = tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11)
QUICK = (
    "--xla_backend_optimization_level=0",
    *(["--xla_cpu_use_fusion_emitters=false"] if _TWO_EMITTERS else []),
    "--xla_cpu_parallel_codegen_split_count=1",
)
# Options of one compilation: fusions as users have them, and all as users have it.
FUSED_AS_USERS: dict[str, str | bool] = (
    {"xla_cpu_use_fusion_emitters": True} if _TWO_EMITTERS else {}
)
AS_USERS_COMPILE: dict[str, str | bool] = {
    **FUSED_AS_USERS,
    "xla_backend_optimization_level": "1",
}


def compile_quickly() -> None:
    """For this process and those it starts; before JAX compiles anything."""
    given = os.environ.get("XLA_FLAGS", "").split()
    os.environ["XLA_FLAGS"] = " ".join([*given, *(flag for flag in QUICK if flag not in given)])
