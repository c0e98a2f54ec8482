"""Other libraries' interfaces to this one, and readers of their models.

``wrmf.compat.implicit`` has the modules and names of implicit, and ``wrmf.compat.spark`` reads
models of Spark. ``wrmf.compat.rectools`` and ``wrmf.compat.lenskit`` need these libraries, so they
are not imported with the package.
"""

from wrmf.compat import implicit, spark

__all__ = ["implicit", "spark"]
