# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""A hash table from ids to their positions, for look-ups that find the caches of the CPU cold.

In a table of a million ids every step of a look-up waits for memory. The steps of many look-ups are
taken together, so that they wait at the same time: all hashes, then all slots, then all ids.
"""
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.object cimport PyObject, PyObject_Hash
from cpython.unicode cimport PyUnicode_Check, PyUnicode_CheckExact, PyUnicode_Compare
from libc.stdint cimport int64_t, uint32_t, uint64_t

import numpy as np


cdef extern from *:
    """
    #if defined(__GNUC__)
    #define WRMF_PREFETCH(address) __builtin_prefetch(address)
    #else
    #define WRMF_PREFETCH(address) ((void)(address))
    #endif
    """
    void prefetch "WRMF_PREFETCH"(const void *address) noexcept nogil

cdef extern from "Python.h":
    object PyUnicode_FromObject(object)

cdef enum:
    # Look-ups whose steps are taken together. Their memory is more than a CPU waits for at a time.
    TOGETHER = 64
    NOT_FOUND = -1
    # Positions are int32 elsewhere.
    MOST_IDS = 2147483647


cdef inline uint64_t mixed(uint64_t x) noexcept nogil:
    """Return a hash whose bits all depend on all bits of x (the finalizer of SplitMix64)."""
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
    return x ^ (x >> 31)


def are_plain(list ids):
    """Return whether all ids are of the types int or str, and of no type derived from them."""
    for id_ in ids:
        if not PyLong_CheckExact(id_) and not PyUnicode_CheckExact(id_):
            return False
    return True


cdef class IdTable:
    """The positions of distinct ids, all of them ints or all of them texts.

    Parameters
    ----------
    ids : int64 (n,), or object (n,) of str; contiguous and kept alive
    as_int : function of an object that is no int
        It returns the int that the object is equal to, or None.

    Attributes
    ----------
    is_range : bool
        Whether the ids are 0, 1, 2, …, for which there is no table.
    repeats : bool
        Whether an id is there twice. The table must not be used then.

    Notes
    -----
    A slot has the upper half of a hash and a position plus one; 0 is an empty slot. An id is looked
    for in the slots from that of its hash on. Less than two of three slots are filled.
    """

    cdef object ids, as_int, slots_of, ids_of
    cdef uint64_t *slots
    cdef uint64_t mask
    cdef int64_t n
    cdef const int64_t *ints
    cdef PyObject **texts
    cdef bint of_texts
    cdef readonly bint is_range, repeats
    cdef readonly size_t nbytes

    def __init__(self, ids, as_int):
        cdef const int64_t[::1] ints
        cdef uint64_t[::1] slots
        cdef int64_t size = 32
        self.ids, self.as_int, self.n = ids, as_int, len(ids)
        if self.n > MOST_IDS:
            raise ValueError(f"there are {self.n} ids, the limit is 2**31 - 1")
        self.is_range = self.repeats = False
        self.of_texts = ids.dtype != np.int64
        if not self.of_texts:
            ints = np.ascontiguousarray(ids)
            self.ids_of, self.ints = ints, &ints[0] if self.n else NULL
            self.is_range = self.is_counted()
        else:
            self.ids_of = np.ascontiguousarray(ids)
            self.texts = <PyObject **> <size_t> self.ids_of.ctypes.data
        if self.is_range:
            return
        while size * 2 < self.n * 3:
            size *= 2
        slots = np.zeros(size, dtype=np.uint64)
        self.slots_of, self.slots, self.mask, self.nbytes = slots, &slots[0], size - 1, size * 8
        self.fill()

    cdef bint is_counted(self) noexcept nogil:
        cdef int64_t place
        for place in range(self.n):
            if self.ints[place] != place:
                return False
        return True

    cdef int fill(self) except -1:
        """Put all ids into the slots; set ``repeats`` and stop at an id that is there already."""
        cdef uint64_t hashes[TOGETHER]
        cdef int64_t block, first, place, count
        cdef uint64_t at
        for block in range((self.n + TOGETHER - 1) // TOGETHER):
            first = block * TOGETHER
            count = min(<int64_t> TOGETHER, self.n - first)
            for place in range(count):
                if not self.of_texts:
                    hashes[place] = mixed(<uint64_t> self.ints[first + place])
                else:
                    hashes[place] = hash_of(<object> self.texts[first + place])
                prefetch(&self.slots[hashes[place] & self.mask])
            for place in range(count):
                at = hashes[place] & self.mask
                while self.slots[at]:
                    if (self.slots[at] ^ hashes[place]) >> 32 == 0 and self.is_at(
                            first + place, <int64_t> (<uint32_t> self.slots[at]) - 1):
                        self.repeats = True
                        return 0
                    at = (at + 1) & self.mask
                self.slots[at] = hashes[place] >> 32 << 32 | <uint64_t> (first + place + 1)
        return 0

    cdef bint is_at(self, int64_t one, int64_t other) except -1:
        """Return whether two positions have the same id."""
        if not self.of_texts:
            return self.ints[one] == self.ints[other]
        return self.is_text(<object> self.texts[one], other)

    cdef bint is_text(self, object text, int64_t place) except -1:
        """Return whether a text is that of a position."""
        cdef PyObject *own = self.texts[place]
        if own == <PyObject *> text:
            return True
        # The array may have been written to.
        return own != NULL and PyUnicode_Check(<object> own) and (
            PyUnicode_Compare(<object> own, text) == 0)

    cdef int64_t next_place(self, uint64_t hashed, uint64_t *at) noexcept nogil:
        """Return the position in the next slot with a hash, −1 if there is none.

        ``at`` is the slot to begin with, and is moved behind the slot that is returned.
        """
        cdef uint64_t slot
        while True:
            slot = self.slots[at[0] & self.mask]
            at[0] += 1
            if slot == 0:
                return NOT_FOUND
            if (slot ^ hashed) >> 32 == 0:
                return <int64_t> (<uint32_t> slot) - 1

    def position(self, id_):
        """Return the position of an id, −1 if it is not there. It must be hashable."""
        if self.of_texts:
            return self.position_of_text(id_)
        cdef int64_t value
        return self.position_of_int(value) if self.as_value(id_, &value) else NOT_FOUND

    cdef bint as_value(self, object id_, int64_t *value) except -1:
        """Set ``value`` to the int that an id is equal to; return whether there is one."""
        cdef int overflow = 0
        if not PyLong_CheckExact(id_):
            hash(id_)
            id_ = self.as_int(id_)
            if id_ is None:
                return False
        value[0] = PyLong_AsLongLongAndOverflow(id_, &overflow)
        return overflow == 0

    cdef int64_t position_of_int(self, int64_t value) noexcept nogil:
        if self.is_range:
            return value if 0 <= value < self.n else NOT_FOUND
        cdef uint64_t hashed = mixed(<uint64_t> value), at = hashed
        cdef int64_t place = self.next_place(hashed, &at)
        while place >= 0 and self.ints[place] != value:
            place = self.next_place(hashed, &at)
        return place

    cdef int64_t position_of_text(self, object id_) except -2:
        if not PyUnicode_Check(id_):
            hash(id_)
            return NOT_FOUND
        cdef uint64_t hashed = hash_of(id_), at = hashed
        cdef int64_t place = self.next_place(hashed, &at)
        while place >= 0 and not self.is_text(id_, place):
            place = self.next_place(hashed, &at)
        return place

    def positions(self, ids):
        """Return the position of each id, int64; −1 for an id that is not there.

        Parameters
        ----------
        ids : int array (m,), or list or object array of m hashable objects
        """
        cdef int64_t[::1] out = np.empty(len(ids), dtype=np.int64)
        if not len(ids):
            return np.asarray(out)
        cdef const int64_t[::1] values
        if isinstance(ids, np.ndarray) and ids.dtype.kind == "i":
            values = np.ascontiguousarray(ids, dtype=np.int64)
            if self.of_texts:
                out[:] = NOT_FOUND
            else:
                with nogil:
                    self.find_ints(&values[0], out.shape[0], &out[0])
            return np.asarray(out)
        # A tuple of its own, since the hash of an object may be code that changes a list.
        cdef tuple objects = tuple(ids.tolist() if isinstance(ids, np.ndarray) else ids)
        if self.of_texts:
            self.find_texts(objects, &out[0])
        else:
            self.find_objects(objects, &out[0])
        return np.asarray(out)

    cdef int find_objects(self, tuple objects, int64_t *out) except -1:
        """Set ``out`` to the positions of objects that may be equal to ints."""
        cdef int64_t[::1] values = np.empty(len(objects), dtype=np.int64)
        cdef int64_t place, count = len(objects)
        for place in range(count):
            # No position is looked up for what has no value.
            out[place] = 0 if self.as_value(objects[place], &values[place]) else NOT_FOUND
        for place in range(count):
            if out[place] == 0:
                out[place] = self.position_of_int(values[place])
        return 0

    cdef void find_ints(self, const int64_t *values, int64_t n, int64_t *out) noexcept nogil:
        cdef uint64_t hashes[TOGETHER]
        cdef uint64_t at[TOGETHER]
        cdef int64_t block, first, place, count
        for block in range((n + TOGETHER - 1) // TOGETHER):
            first = block * TOGETHER
            count = min(<int64_t> TOGETHER, n - first)
            if self.is_range:
                for place in range(first, first + count):
                    out[place] = self.position_of_int(values[place])
                continue
            for place in range(count):
                hashes[place] = at[place] = mixed(<uint64_t> values[first + place])
                prefetch(&self.slots[at[place] & self.mask])
            for place in range(count):
                out[first + place] = self.next_place(hashes[place], &at[place])
                if out[first + place] >= 0:
                    prefetch(&self.ints[out[first + place]])
            for place in range(count):
                while out[first + place] >= 0 and (
                        self.ints[out[first + place]] != values[first + place]):
                    out[first + place] = self.next_place(hashes[place], &at[place])

    cdef int find_texts(self, tuple objects, int64_t *out) except -1:
        cdef uint64_t hashes[TOGETHER]
        cdef uint64_t at[TOGETHER]
        cdef int64_t block, first, place, count, n = len(objects)
        cdef PyObject *own
        for block in range((n + TOGETHER - 1) // TOGETHER):
            first = block * TOGETHER
            count = min(<int64_t> TOGETHER, n - first)
            for place in range(count):
                id_ = objects[first + place]
                if not PyUnicode_Check(id_):
                    hash(id_)
                    out[first + place] = NOT_FOUND
                    continue
                out[first + place] = 0
                hashes[place] = at[place] = hash_of(id_)
                prefetch(&self.slots[at[place] & self.mask])
            for place in range(count):
                if out[first + place] < 0:
                    continue
                out[first + place] = self.next_place(hashes[place], &at[place])
                if out[first + place] >= 0:
                    prefetch(&self.texts[out[first + place]])
            for place in range(count):
                if out[first + place] >= 0:
                    own = self.texts[out[first + place]]
                    if own != <PyObject *> objects[first + place]:
                        prefetch(own)
                        prefetch(<const char *> own + 64)
            for place in range(count):
                while out[first + place] >= 0 and not self.is_text(
                        objects[first + place], out[first + place]):
                    out[first + place] = self.next_place(hashes[place], &at[place])
        return 0


cdef uint64_t hash_of(object text) except? 0:
    """Return the hash of a text; Python keeps its own hash within the text."""
    if not PyUnicode_CheckExact(text):
        # The method of a subclass could be anything.
        text = PyUnicode_FromObject(text)
    return mixed(<uint64_t> PyObject_Hash(text))
