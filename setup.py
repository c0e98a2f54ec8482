"""Builds the extension modules; all other settings are in pyproject.toml.

Environment variables that change the build if they are set to 1: ``WRMF_NO_OPENMP`` builds without
threads, ``WRMF_NO_VECTORS`` without vector types (as MSVC does), ``WRMF_DEBUG`` checks every array
index and the size of the kernels' scratch, ``WRMF_SANITIZE`` adds the address and
undefined-behaviour sanitizers.
"""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


def switch(name):
    """Return whether an environment variable is set to something other than 0."""
    return os.environ.get(name, "0") not in ("", "0")


# Compile and link flags for OpenMP; the first pair that works is used.
OPENMP_FLAGS = {
    "msvc": [(["/openmp"], [])],
    "unix": [
        (["-fopenmp"], ["-fopenmp"]),
        # Apple's clang has no -fopenmp of its own, but accepts Homebrew's libomp.
        (["-Xpreprocessor", "-fopenmp"], ["-lomp"]),
    ],
}
# Python's own flags include -fwrapv, but CFLAGS in the environment may replace them. Without
# -fwrapv, GCC indexes the vectors of the primal solver's sums in a way that is 1.8 times slower.
UNIX_FLAGS = ["-O3", "-fno-math-errno", "-fwrapv", "-Wno-psabi"]
SANITIZE_FLAGS = ["-g", "-O1", "-fsanitize=address,undefined"]
# Exact scores must round in the same way on every CPU, so the compiler must not fuse
# multiplications and additions, as it does by default for some CPUs.
RANKING_FLAGS = ["-ffp-contract=off"]


class BuildExtensions(build_ext):
    """A build_ext command that compiles files in parallel, and with OpenMP if it is available."""

    def build_extensions(self):
        msvc = self.compiler.compiler_type == "msvc"
        compile_args, link_args = (["/O2"], []) if msvc else (UNIX_FLAGS, [])
        if switch("WRMF_SANITIZE"):
            compile_args, link_args = compile_args + SANITIZE_FLAGS, SANITIZE_FLAGS[-1:]
        if not switch("WRMF_NO_OPENMP"):
            candidates = OPENMP_FLAGS["msvc" if msvc else "unix"]
            compile_args, link_args = self.with_openmp(compile_args, link_args, candidates)
        for extension in self.extensions:
            own = RANKING_FLAGS if extension.name == "wrmf._ranking" and not msvc else []
            extension.extra_compile_args = compile_args + own
            extension.extra_link_args = link_args
        self.parallel = self.parallel or os.cpu_count() or 1
        self.compile_in_parallel()
        super().build_extensions()

    def compile_in_parallel(self):
        """Make the compiler compile the files of an extension in parallel."""
        compile_files = self.compiler.compile

        def compile_all(sources, **options):
            with ThreadPoolExecutor(self.parallel) as pool:
                objects = pool.map(lambda source: compile_files([source], **options), sources)
                return [path for paths in objects for path in paths]

        self.compiler.compile = compile_all

    def with_openmp(self, compile_args, link_args, candidates):
        """Return the flags with those of OpenMP added, or unchanged if OpenMP is not available."""
        for compile_flags, link_flags in candidates:
            if self.links(compile_args + compile_flags, link_args + link_flags):
                return compile_args + compile_flags, link_args + link_flags
        print("wrmf: no OpenMP found, building for one thread", file=sys.stderr)
        return compile_args, link_args

    def links(self, compile_args, link_args):
        """Return whether a program that uses OpenMP compiles and links."""
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


KERNELS = Path("wrmf", "kernels")
MACROS = [("NPY_NO_DEPRECATED_API", "1")]
MACROS += [(name, "1") for name in ("WRMF_DEBUG", "WRMF_NO_VECTORS") if switch(name)]


def extension(name, prefix):
    """Return an extension module, with one C file for each instruction set."""
    return Extension(
        f"wrmf.{name}",
        [f"wrmf/{name}.pyx", *map(str, sorted(KERNELS.glob(f"{prefix}_*.c")))],
        include_dirs=[str(KERNELS)],
        define_macros=MACROS,
        depends=list(map(str, sorted(KERNELS.glob("*.h")))),
    )


DEBUG_DIRECTIVES = {"boundscheck": True, "initializedcheck": True}
setup(
    ext_modules=cythonize(
        [
            extension("_lapack", "lapack"),
            extension("_ids", "ids"),
            extension("_als", "als"),
            extension("_ranking", "rank"),
            extension("_serving", "serving"),
            extension("_fold_in", "fold_in"),
            extension("_item_weights", "item_weights"),
            extension("_sums", "sums"),
        ],
        compiler_directives=DEBUG_DIRECTIVES if switch("WRMF_DEBUG") else {},
        show_all_warnings=False,
    ),
    cmdclass={"build_ext": BuildExtensions},
)
