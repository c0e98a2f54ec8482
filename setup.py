"""Builds the extension modules and the page of the package; other settings are in pyproject.toml.

Environment variables that change the build if they are set to 1: ``WRMF_NO_OPENMP`` builds without
threads, ``WRMF_NO_VECTORS`` without vector types (as MSVC does), ``WRMF_DEBUG`` checks every array
index and the size of the kernels' scratch, ``WRMF_SANITIZE`` adds the address and
undefined-behaviour sanitizers.
"""

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import PlatformError


def switch(name):
    """Return whether an environment variable is set to something other than 0."""
    return os.environ.get(name, "0") not in ("", "0")


def usable_cpus():
    """Return the number of CPUs that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


# Compile and link flags for OpenMP; the first pair that works is used.
OPENMP_FLAGS = {
    "msvc": [(["/openmp"], [])],
    "unix": [
        (["-fopenmp"], ["-fopenmp"]),
        # Apple's clang has no -fopenmp of its own, but accepts Homebrew's libomp.
        (["-Xpreprocessor", "-fopenmp"], ["-lomp"]),
    ],
}
OPENMP_PROGRAM = "#include <omp.h>\nint threads(void) { return omp_get_max_threads(); }\n"
# Python's own flags include -fwrapv, but CFLAGS in the environment may replace them. Without
# -fwrapv, GCC indexes the vectors of the primal solver's sums in a way that is 1.8 times slower.
UNIX_FLAGS = ["-O3", "-fno-math-errno", "-fwrapv", "-Wno-psabi"]
# Debugging information takes a quarter of the time of the build and five sixths of its size.
RELEASE_FLAGS = ["-g0"]
SANITIZE_FLAGS = ["-g", "-O1", "-fsanitize=address,undefined"]
# Exact scores must round in the same way on every CPU, so the compiler must not fuse
# multiplications and additions, as it does by default for some CPUs.
RANKING_FLAGS = ["-ffp-contract=off"]
# The compiled code of memoryviews, which all modules share.
SHARED = "wrmf._cyutility"
DIRECTIVES = {"freethreading_compatible": True}
DEBUG_DIRECTIVES = {"boundscheck": True, "initializedcheck": True}

MISSING = """wrmf could not be built, as {missing}.
{command}
A wheel needs no compiler: pip install --only-binary wrmf wrmf
To build it, install a C compiler and Python's headers, and try again:
  Debian, Ubuntu   apt-get install gcc python3-dev
  Fedora, RHEL     dnf install gcc python3-devel
  Alpine           apk add gcc musl-dev python3-dev
  macOS            xcode-select --install
  Windows          Build Tools for Visual Studio, with "Desktop development with C++"
The environment variable CC names a compiler that is not called gcc or cc."""


class BuildExtensions(build_ext):
    """A build_ext command that compiles files in parallel, and with OpenMP if it is available."""

    def build_extensions(self):
        self.check_compiler()
        jobs = self.parallel or usable_cpus()
        self.translate(jobs)
        msvc = self.compiler.compiler_type == "msvc"
        compile_args, link_args = (["/O2"], []) if msvc else (UNIX_FLAGS, [])
        if switch("WRMF_SANITIZE"):
            compile_args, link_args = compile_args + SANITIZE_FLAGS, SANITIZE_FLAGS[-1:]
        elif not (msvc or switch("WRMF_DEBUG")):
            compile_args = compile_args + RELEASE_FLAGS
        if not switch("WRMF_NO_OPENMP"):
            candidates = OPENMP_FLAGS["msvc" if msvc else "unix"]
            compile_args, link_args = self.with_openmp(compile_args, link_args, candidates)
        for extension in self.extensions:
            own = RANKING_FLAGS if extension.name == "wrmf._ranking" and not msvc else []
            extension.extra_compile_args = compile_args + own
            extension.extra_link_args = link_args
        self.compile_in_parallel(jobs)
        super().build_extensions()

    def check_compiler(self):
        """Raise an error that says what to install if C or Python's headers cannot be compiled."""
        if self.compiles("#include <Python.h>\n"):
            return
        compiler = " ".join(getattr(self.compiler, "compiler", None) or ["cl.exe"])
        missing = "no C compiler works" if not self.compiles("") else "Python.h was not found"
        command = f"The compiler is called as: {compiler}"
        raise PlatformError(MISSING.format(missing=missing, command=command))

    def translate(self, jobs):
        """Translate Cython to C."""
        directives = DIRECTIVES | (DEBUG_DIRECTIVES if switch("WRMF_DEBUG") else {})
        translated = cythonize(
            self.extensions,
            compiler_directives=directives,
            shared_utility_qualified_name=SHARED,
            show_all_warnings=False,
            nthreads=jobs,
        )
        sources = {extension.name: extension.sources for extension in translated}
        for extension in self.extensions:
            extension.sources = sources[extension.name]

    def compile_in_parallel(self, jobs):
        """Compile the files of all extensions in parallel, ``jobs`` at a time."""
        compile_files = self.compiler.compile
        slots = BoundedSemaphore(jobs)

        def compile_one(source, options):
            with slots:
                return compile_files([source], **options)

        def compile_all(sources, **options):
            with ThreadPoolExecutor(len(sources)) as pool:
                objects = pool.map(lambda source: compile_one(source, options), sources)
                return [path for paths in objects for path in paths]

        self.compiler.compile = compile_all
        self.parallel = len(self.extensions)

    def with_openmp(self, compile_args, link_args, candidates):
        """Return the flags with those of OpenMP added, or unchanged if OpenMP is not available."""
        for compile_flags, link_flags in candidates:
            args = compile_args + compile_flags, link_args + link_flags
            if self.compiles(OPENMP_PROGRAM, *args):
                return args
        print("wrmf: no OpenMP found, building for one thread", file=sys.stderr)
        return compile_args, link_args

    def compiles(self, source, compile_args=(), link_args=None):
        """Return whether a C program compiles and, with ``link_args``, links."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "probe.c")
            path.write_text(source + "int main(void) { return 0; }\n")
            try:
                objects = self.compiler.compile(
                    [str(path)], output_dir=folder, extra_postargs=list(compile_args)
                )
                if link_args is not None:
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


REPOSITORY = "wrmf/wrmf"
# An image or a link of Markdown to a file of the repository.
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<path>(?![a-z]+:|#)[^)]+)\)")


def package_page():
    """Return the README with links that hold outside of the repository, as on PyPI."""

    def absolute(match):
        host = "raw.githubusercontent.com" if match["image"] else "github.com"
        folder = "main" if match["image"] else "blob/main"
        target = f"https://{host}/{REPOSITORY}/{folder}/{match['path']}"
        return f"{match['image']}[{match['text']}]({target})"

    return LINK.sub(absolute, Path("README.md").read_text(encoding="utf-8"))


# Processes that translate may import this file again.
if __name__ == "__main__":
    setup(
        ext_modules=[
            Extension(SHARED, ["wrmf/_cyutility.c"]),
            extension("_lapack", "lapack"),
            extension("_ids", "ids"),
            extension("_als", "als"),
            extension("_ranking", "rank"),
            extension("_serving", "serving"),
            extension("_fold_in", "fold_in"),
            extension("_item_weights", "item_weights"),
            extension("_sums", "sums"),
        ],
        cmdclass={"build_ext": BuildExtensions},
        long_description=package_page(),
        long_description_content_type="text/markdown",
    )
