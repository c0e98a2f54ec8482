"""Settings of gunicorn: ``gunicorn service:app`` in this folder reads them."""

import os

from wrmf.service.server import end_by_sigterm

bind = os.environ.get("WRMF_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WRMF_WORKERS", os.cpu_count() or 1))
worker_class = "uvicorn_worker.UvicornWorker"
# The model is loaded and prepared once, before workers are forked, so that they share its memory.
preload_app = True
# A worker that ends after some requests gives back memory that Python keeps; its successor is
# forked from the prepared model and is ready at once.
max_requests, max_requests_jitter = 100_000, 10_000
# Otherwise SIGINT to the first process alone takes half a minute and kills the workers.
when_ready = end_by_sigterm
