"""Extension flags and switches only; everything else is in pyproject.toml.

Switches (environment variables, set to 1): WRMF_NO_OPENMP builds without threads, WRMF_DEBUG
checks every array index, WRMF_SANITIZE adds the address and undefined-behaviour sanitizers.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


def switch(name):
    return os.environ.get(name, "0") not in ("", "0")


# Compile and link flags for OpenMP, the first pair that works is taken.
OPENMP_FLAGS = {
    "msvc": [(["/openmp"], [])],
    "unix": [
        (["-fopenmp"], ["-fopenmp"]),
        # Apple's clang has no -fopenmp of its own, but accepts Homebrew's libomp.
        (["-Xpreprocessor", "-fopenmp"], ["-lomp"]),
    ],
}


class BuildExtensions(build_ext):
    """build_ext that adds OpenMP where the compiler has it."""

    def build_extensions(self):
        msvc = self.compiler.compiler_type == "msvc"
        # -fwrapv is Python's own flag, which CFLAGS in the environment may drop: without it GCC
        # indexes the primal sums' vectors another way, 1.8 times slower.
        compile_args = ["/O2"] if msvc else ["-O3", "-fno-math-errno", "-fwrapv"]
        link_args = []
        if switch("WRMF_SANITIZE"):
            compile_args += ["-g", "-O1", "-fsanitize=address,undefined"]
            link_args += ["-fsanitize=address,undefined"]
        if not switch("WRMF_NO_OPENMP"):
            compile_args, link_args = self.with_openmp(
                compile_args, link_args, OPENMP_FLAGS["msvc" if msvc else "unix"]
            )
        for extension in self.extensions:
            extension.extra_compile_args = compile_args
            extension.extra_link_args = link_args
        super().build_extensions()

    def with_openmp(self, compile_args, link_args, candidates):
        for compile_flags, link_flags in candidates:
            if self.links(compile_args + compile_flags, link_args + link_flags):
                return compile_args + compile_flags, link_args + link_flags
        print("wrmf: no OpenMP found, building for one thread", file=sys.stderr)
        return compile_args, link_args

    def links(self, compile_args, link_args):
        source = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "probe.c")
            path.write_text(source)
            try:
                objects = self.compiler.compile(
                    [str(path)], output_dir=folder, extra_postargs=compile_args
                )
                self.compiler.link_executable(
                    objects, str(Path(folder, "probe")), extra_postargs=link_args
                )
            except (Exception, subprocess.SubprocessError):
                return False
        return True


debug = switch("WRMF_DEBUG")
setup(
    ext_modules=cythonize(
        [
            Extension(
                f"wrmf.{name}",
                [f"wrmf/{name}.pyx"],
                include_dirs=["wrmf"],
                define_macros=[("NPY_NO_DEPRECATED_API", "1")],
                depends=[str(path) for path in sorted(Path("wrmf").glob(f"{header}*.h"))],
            )
            for name, header in (("_als", "_lanes"), ("_ranking", "_ranking"))
        ],
        compiler_directives={"boundscheck": True, "initializedcheck": True} if debug else {},
        show_all_warnings=False,
    ),
    cmdclass={"build_ext": BuildExtensions},
)
