"""Arrays from the memory of earlier ones never share it with arrays that are in use."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from wrmf.numerics.layout import ALIGNMENT, Recycler


def test_memory_is_used_again_once_the_last_view_is_gone():
    recycler = Recycler(most=2**20)
    array = recycler.array((100, 16), "float32")
    place = array.ctypes.data
    assert place % ALIGNMENT == 0
    view = array[3:5]
    buffer = memoryview(view)
    del array, view
    other = recycler.array((100, 16), "float32")
    assert other.ctypes.data != place
    del buffer
    assert recycler.array((100, 16), "float32").ctypes.data == place


def test_no_more_memory_is_kept_than_allowed():
    recycler = Recycler(most=10_000)
    arrays = [recycler.array((64, 16), "float32") for _ in range(5)]
    del arrays
    assert sum(size * len(rooms) for size, rooms in recycler.free.items()) <= 10_000
    assert sum(map(len, recycler.free.values())) == 2
    assert not Recycler().free
    nothing = Recycler()
    nothing.array((64, 16), "float32")
    assert not nothing.free


def test_arrays_of_any_size_and_dtype_are_whole():
    recycler = Recycler(most=2**20)
    for shape in ((0, 16), (1, 1), (7, 33), (1000, 16)):
        for dtype in ("float32", "float64"):
            array = recycler.array(shape, dtype)
            array[:] = 3
            assert (array.shape, array.dtype) == (shape, dtype)
            assert array.flags.writeable
            assert np.array_equal(pickle.loads(pickle.dumps(array)), array)


def test_threads_never_get_the_same_memory():
    recycler = Recycler(most=2**22)

    def fill(number):
        for _ in range(300):
            array = recycler.array((50, 16), "float32")
            array[:] = number
            if not (array == number).all():
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(fill, range(8)))
