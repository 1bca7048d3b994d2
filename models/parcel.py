"""Arrays and a few words about them, through a pipe between a process and its own child.

Layout: length (4, big-endian), msgpack of the head and of each array's name, dtype and shape, then the arrays' bytes
as they lie in memory. Nothing in it can run when it is read, and no array is copied on the way.
"""

from collections.abc import Mapping
from math import prod
from typing import IO, Any, Final, Generic, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from models.protocol import State

HEAD_MAX_BYTES: Final = 1 << 20
ARRAYS_MAX_BYTES: Final = 1 << 30
DTYPES: Final = frozenset({"|b1", "|u1", "<u2", "<i4", "<i8", "<f4", "<f8"})

H = TypeVar("H", bound=msgspec.Struct)


class Spec(msgspec.Struct, frozen=True, array_like=True):
    """One array's."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class _Packed(msgspec.Struct, Generic[H], array_like=True):
    head: H
    specs: list[Spec]


def send(file: IO[bytes], head: msgspec.Struct, arrays: State) -> None:
    """Returns when the pipe has all of it. Errors: OSError where nobody reads any more."""
    given = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    specs = [Spec(name, array.dtype.str, array.shape) for name, array in given.items()]
    packed = msgspec.msgpack.encode(_Packed(head, specs))
    file.write(len(packed).to_bytes(4, "big") + packed)
    file.writelines(_bytes_of(array) for array in given.values() if array.size)
    file.flush()


def receive(file: IO[bytes], kind: type[H]) -> tuple[H, Mapping[str, npt.NDArray[Any]]] | None:
    """None where the other end has closed before the first byte. Errors: EOFError where it closed in the midst,
    ValueError for anything that `send` did not write."""
    length = file.read(4)
    if not length:
        return None
    size = int.from_bytes(length, "big")
    if size > HEAD_MAX_BYTES:
        raise ValueError(f"a head of {size} bytes")
    try:
        packed = msgspec.msgpack.decode(_whole(file.read(size), size), type=_Packed[kind])  # type: ignore[valid-type]
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    if any(spec.dtype not in DTYPES or min(spec.shape, default=0) < 0 for spec in packed.specs):
        raise ValueError("an array of no known kind")
    if sum(prod(spec.shape) * np.dtype(spec.dtype).itemsize for spec in packed.specs) > ARRAYS_MAX_BYTES:
        raise ValueError(f"arrays of over {ARRAYS_MAX_BYTES} bytes")
    return packed.head, {spec.name: _array(file, spec) for spec in packed.specs}


def _array(file: IO[bytes], spec: Spec) -> npt.NDArray[Any]:
    array = np.empty(prod(spec.shape), np.dtype(spec.dtype))
    if array.size:
        view = _bytes_of(array)
        if file.readinto(view) != len(view):  # type: ignore[attr-defined]
            raise EOFError(f"{spec.name} ends early")
    return array.reshape(spec.shape)


def _bytes_of(array: npt.NDArray[Any]) -> memoryview:
    """The array's own memory, in the order of its elements."""
    flat: Any = array.reshape(-1)  # numpy 2.4's types know no buffer of any dtype
    return memoryview(flat).cast("B")


def _whole(raw: bytes, size: int) -> bytes:
    if len(raw) != size:
        raise EOFError(f"{len(raw)} of {size} bytes")
    return raw
