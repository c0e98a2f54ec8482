"""Arrow reads with the allocator of its user, or with one that keeps memory."""

import pyarrow as pa

from wrmf.data.formats.memory import reading_pool


def test_the_allocator_that_the_environment_chooses_is_used(monkeypatch):
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "system")
    assert reading_pool().backend_name == pa.default_memory_pool().backend_name


def test_arrow_without_jemalloc_reads_with_its_default(monkeypatch):
    def missing():
        raise NotImplementedError("jemalloc is not built in")

    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    monkeypatch.setattr(pa, "jemalloc_memory_pool", missing)
    assert reading_pool().backend_name == pa.default_memory_pool().backend_name
