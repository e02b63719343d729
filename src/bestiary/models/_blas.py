"""The processor's own matrix product inside XLA's programs: an FFI handler without a compiler.

jaxlib's wheels are built for any x86 processor, while the BLAS that SciPy brings picks its kernel
when it is loaded. XLA calls the handlers below, ctypes callbacks, which read the call frame as
`xla/ffi/api/c_api.h` in `jax.ffi.include_dir()` lays it out and call BLAS on the same memory.
"""

import ctypes
import functools
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

REALS: dict[str, Any] = {"float32": ctypes.c_float, "float64": ctypes.c_double}
_ROUTINES = {"float32": "sgemm", "float64": "dgemm"}
# Of the interface, whose structures are laid out here: of jaxlib 0.10 and 0.11, alike in these.
_VERSIONS = ((0, 3), (0, 4))
_METADATA = 1  # XLA_FFI_Extension_Metadata
_EXECUTE = 3  # XLA_FFI_ExecutionStage_EXECUTE
_INTERNAL = 13  # XLA_FFI_Error_Code_INTERNAL

_Pointer = ctypes.c_void_p
_Header: list[Any] = [("struct_size", ctypes.c_size_t), ("extension", _Pointer)]


class _Version(ctypes.Structure):
    _fields_ = [*_Header, ("major", ctypes.c_int), ("minor", ctypes.c_int)]


class _Metadata(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("version", _Version)]


class _Extension(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("next", _Pointer),
        ("metadata", ctypes.POINTER(_Metadata)),
    ]


class _Problem(ctypes.Structure):
    _fields_ = [*_Header, ("message", ctypes.c_char_p), ("code", ctypes.c_int)]


class _Api(ctypes.Structure):
    _fields_ = [
        *_Header,
        ("version", _Version),
        ("internal", _Pointer),
        ("create_error", ctypes.CFUNCTYPE(_Pointer, ctypes.POINTER(_Problem))),
    ]


class _Buffer(ctypes.Structure):
    _fields_ = [
        *_Header,
        ("dtype", ctypes.c_int),
        ("data", _Pointer),
        ("rank", ctypes.c_int64),
        ("dims", ctypes.POINTER(ctypes.c_int64)),
    ]


class _Buffers(ctypes.Structure):
    _fields_ = [
        *_Header,
        ("size", ctypes.c_int64),
        ("types", _Pointer),
        ("values", ctypes.POINTER(ctypes.POINTER(_Buffer))),
    ]


class _Frame(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("extension", ctypes.POINTER(_Extension)),
        ("api", ctypes.POINTER(_Api)),
        ("context", _Pointer),
        ("stage", ctypes.c_int),
        ("arguments", _Buffers),
        ("results", _Buffers),
    ]


_Handler = ctypes.CFUNCTYPE(_Pointer, ctypes.POINTER(_Frame))
_handlers: list[Any] = []  # XLA keeps their addresses, so they are never collected


def target(dtype: str, turned: tuple[bool, bool]) -> str:
    """The name of the custom call for operands of a type, each stored transposed or not.

    Registers the handlers on its first call: a program from the compilation cache holds their
    names alone, and is lowered before it is looked up.
    """
    _register()
    return _name(dtype, turned)


def available() -> bool:
    """Whether this jaxlib has an interface that the handlers are written for."""
    return _version() in _VERSIONS


@functools.cache
def _version() -> tuple[int, ...]:
    """The interface's, by the header that comes with jaxlib; empty where there is none."""
    try:
        header = Path(jax.ffi.include_dir(), "xla/ffi/api/c_api.h").read_text()
    except OSError:
        return ()
    found = re.findall(r"#define XLA_FFI_API_M(?:AJOR|INOR) (\d+)", header)
    return tuple(map(int, found))


@functools.cache
def _register() -> None:
    for dtype, left, right in itertools.product(REALS, (False, True), (False, True)):
        handler = _Handler(_handle(_multiplication(dtype, (left, right))))
        _handlers.append(handler)
        name = _name(dtype, (left, right))
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handler), platform="cpu")


def _name(dtype: str, turned: tuple[bool, bool]) -> str:
    return f"bestiary_product_{dtype}_" + "".join("t" if one else "n" for one in turned)


def _handle(multiply: Callable[[_Buffer, _Buffer, _Buffer], None]) -> Callable[[Any], int | None]:
    """The handler around a product: the interface's questions, and errors that are not lost."""

    def handler(pointer: Any) -> int | None:
        frame = pointer.contents
        if frame.extension and frame.extension.contents.type == _METADATA:
            version = frame.extension.contents.metadata.contents.version
            version.major, version.minor = _version()
        elif frame.stage == _EXECUTE:
            try:
                given, result = frame.arguments.values, frame.results.values
                multiply(given[0].contents, given[1].contents, result[0].contents)
            except BaseException as error:  # what leaves a callback is printed and forgotten
                return _failed(frame, error)
        return None

    return handler


def _failed(frame: _Frame, error: BaseException) -> int | None:
    problem = _Problem(message=f"matrix product: {error!r}".encode(), code=_INTERNAL)
    problem.struct_size = ctypes.sizeof(_Problem)
    return frame.api.contents.create_error(ctypes.byref(problem))


def _multiplication(
    dtype: str, turned: tuple[bool, bool]
) -> Callable[[_Buffer, _Buffer, _Buffer], None]:
    """C = op(A) op(B) of row-major buffers, which BLAS sees as C^T = op(B)^T op(A)^T.

    A leading axis is a batch; an operand without one is the same for all of it.
    """
    gemm = _routine(_ROUTINES[dtype])
    real = REALS[dtype]
    size = ctypes.sizeof(real)
    one, zero = ctypes.byref(real(1)), ctypes.byref(real(0))
    left, right = (ctypes.byref(ctypes.c_char(b"T" if flag else b"N")) for flag in turned)

    @functools.cache
    def integers(*values: int) -> tuple[Any, ...]:
        return tuple(ctypes.byref(ctypes.c_int(value)) for value in values)

    def multiply(a: _Buffer, b: _Buffer, c: _Buffer) -> None:
        rows, columns = c.dims[c.rank - 2], c.dims[c.rank - 1]
        a_row, b_row = a.dims[a.rank - 1], b.dims[b.rank - 1]
        inner = a.dims[a.rank - 2] if turned[0] else a_row
        m, n, k, lda, ldb = integers(rows, columns, inner, a_row, b_row)
        a_step = size * rows * inner if a.rank == 3 else 0
        b_step = size * inner * columns if b.rank == 3 else 0
        for index in range(c.dims[0] if c.rank == 3 else 1):
            a_at, b_at = a.data + index * a_step, b.data + index * b_step
            c_at = c.data + index * size * rows * columns
            gemm(right, left, n, m, k, one, b_at, ldb, a_at, lda, zero, c_at, n)

    return multiply


def _routine(name: str) -> Callable[..., None]:
    """A routine of SciPy's BLAS, which takes every argument by address and lets Python go on."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[name]
    interface = ctypes.pythonapi
    interface.PyCapsule_GetName.restype = ctypes.c_char_p
    interface.PyCapsule_GetName.argtypes = [ctypes.py_object]
    interface.PyCapsule_GetPointer.restype = _Pointer
    interface.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    address = interface.PyCapsule_GetPointer(capsule, interface.PyCapsule_GetName(capsule))
    return ctypes.CFUNCTYPE(None, *[_Pointer] * 13)(address)
