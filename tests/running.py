"""Runs code in a fresh Python process that must end in time."""

import subprocess
import sys
import textwrap

# Far more than any of these tests takes, on a busy machine too.
HANG_SECONDS = 120


def run_python(code, **options):
    """Run code in a fresh process and return what it prints; fail if it hangs or fails."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        **options,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()
