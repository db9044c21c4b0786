"""Every write and fsync of this process's own SQLite, handed to somebody who may refuse it.

A virtual file system of SQLite (https://sqlite.org/vfs.html) is put in front of the usual one: it opens
files as that does and takes the place of a few of their methods. So what is tested is the SQLite that
serves, with its own recovery, on real files; nothing needs compiling. SQLite's own tests do the same
(``test_vfs.c``, ``test6.c``).
"""

import ctypes
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final, Protocol, cast

OK, IOERR, FULL, CANTOPEN = 0, 10, 13, 14
IOERR_READ, IOERR_WRITE, IOERR_FSYNC = IOERR | 1 << 8, IOERR | 3 << 8, IOERR | 4 << 8
IOERR_TRUNCATE, IOERR_DELETE = IOERR | 6 << 8, IOERR | 10 << 8
"""Result codes, https://sqlite.org/rescode.html."""

_NAME: Final = b"penchant-simulation"
_Int, _Pointer, _Long, _Text = ctypes.c_int, ctypes.c_void_p, ctypes.c_int64, ctypes.c_char_p
# A name is passed on as the pointer that it is: SQLite keeps it, and more behind it.
_OPEN = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Pointer, _Int, ctypes.POINTER(_Int))
_DELETE = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Int)
_CLOSE = ctypes.CFUNCTYPE(_Int, _Pointer)
_BYTES = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Int, _Long)
_TRUNCATE = ctypes.CFUNCTYPE(_Int, _Pointer, _Long)
_SYNC = ctypes.CFUNCTYPE(_Int, _Pointer, _Int)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", _Int), ("file_size", _Int), ("longest_name", _Int), ("next", _Pointer), ("name", _Text),
        ("data", _Pointer), ("open", _OPEN), ("delete", _DELETE),
        *((f"other{n}", _Pointer) for n in range(14)),
    )  # fmt: skip


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", _Int), ("close", _CLOSE), ("read", _BYTES), ("write", _BYTES), ("truncate", _TRUNCATE),
        ("sync", _SYNC), *((f"other{n}", _Pointer) for n in range(14)),
    )  # fmt: skip


class Files(Protocol):
    """Somebody who is asked before anything is done to a file. Paths are whole.

    ``do`` does it and gives SQLite's result code; what is returned is what SQLite is told.
    """

    def holds(self, path: str) -> bool:
        """Whether this file is one to be asked about."""
        ...

    def opened(self, path: str) -> int:
        """Before a file is opened, made where it is not there."""
        ...

    def read(self, path: str, do: Callable[[], int]) -> int: ...

    def write(self, path: str, offset: int, data: bytes, do: Callable[[bytes], int]) -> int:
        """``do`` writes the bytes that it is given at ``offset``: all, some of the first, or not at all."""
        ...

    def truncate(self, path: str, size: int, do: Callable[[], int]) -> int: ...

    def sync(self, path: str, do: Callable[[], int]) -> int: ...

    def delete(self, path: str, do: Callable[[], int]) -> int: ...


def library() -> Any:
    """SQLite as Python's ``sqlite3`` uses it; None where its functions cannot be called from outside."""
    module = import_module("_sqlite3")
    try:
        found = ctypes.CDLL(getattr(module, "__file__", None))
        found.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        found.sqlite3_vfs_find.argtypes = [_Text]
        found.sqlite3_vfs_register.argtypes = [ctypes.POINTER(_Vfs), _Int]
        found.sqlite3_vfs_unregister.argtypes = [ctypes.POINTER(_Vfs)]
    except (AttributeError, OSError):
        return None
    return found


_alive: list["_Shim"] = []
"""Memory that connections may still point into."""


@contextmanager
def watched(files: Files) -> Generator[None]:
    """Ask ``files`` about every file that a connection opens from now on, in this process, until the end.

    Raises:
        RuntimeError: this Python's SQLite does not let itself be called from outside.
    """
    sqlite = library()
    if sqlite is None:
        raise RuntimeError("the SQLite of this Python is linked in and cannot be reached")
    shim = _Shim(sqlite, files)
    _alive.append(shim)
    sqlite.sqlite3_vfs_register(ctypes.byref(shim.vfs), 1)
    try:
        yield
    finally:
        sqlite.sqlite3_vfs_unregister(ctypes.byref(shim.vfs))
        if not shim.in_use:
            _alive.remove(shim)


class _Shim:
    """The file system in front. Its functions are called by SQLite, from whatever thread."""

    def __init__(self, sqlite: Any, files: Files) -> None:
        self._files = files
        self._usual = sqlite.sqlite3_vfs_find(None)
        self.vfs = _Vfs.from_buffer_copy(self._usual.contents)
        self.vfs.name, self.vfs.next = _NAME, None
        self._own_open, self._own_delete = _OPEN(self._open), _DELETE(self._delete)
        self.vfs.open, self.vfs.delete = self._own_open, self._own_delete
        self._tables: dict[int, _Methods] = {}
        self._open_files: dict[int, tuple[str, _Methods]] = {}
        self._own = {
            "close": _CLOSE(self._close), "read": _BYTES(self._read), "write": _BYTES(self._write),
            "truncate": _TRUNCATE(self._truncate), "sync": _SYNC(self._sync),
        }  # fmt: skip

    @property
    def in_use(self) -> bool:
        """Whether a connection still has a file open through it."""
        return bool(self._open_files)

    def _open(self, _: Any, name: int | None, file: int, flags: int, out: Any) -> int:
        path = ctypes.string_at(name).decode() if name else ""
        held = bool(path) and self._files.holds(path)
        if held and (code := self._files.opened(path)):
            _methods_at(file).value = None
            return code
        code = cast(
            int, self._usual.contents.open(ctypes.cast(self._usual, _Pointer), name, file, flags, out)
        )
        if held and not code:
            place = _methods_at(file)
            usual = _Methods.from_address(cast(int, place.value))
            self._open_files[file] = (path, usual)
            place.value = ctypes.addressof(self._table(usual))
        return code

    def _table(self, usual: _Methods) -> _Methods:
        """The methods ``usual`` with ours among them."""
        place = ctypes.addressof(usual)
        if place not in self._tables:
            table = _Methods.from_buffer_copy(usual)
            for name, method in self._own.items():
                setattr(table, name, method)
            self._tables[place] = table
        return self._tables[place]

    def _delete(self, _: Any, name: int, sync: int) -> int:
        path = ctypes.string_at(name).decode()

        def do() -> int:
            return cast(int, self._usual.contents.delete(ctypes.cast(self._usual, _Pointer), name, sync))

        return self._files.delete(path, do) if self._files.holds(path) else do()

    def _close(self, file: int) -> int:
        _, usual = self._open_files.pop(file)
        _methods_at(file).value = ctypes.addressof(usual)
        return cast(int, usual.close(file))

    def _read(self, file: int, into: int, size: int, offset: int) -> int:
        path, usual = self._open_files[file]
        return self._files.read(path, lambda: cast(int, usual.read(file, into, size, offset)))

    def _write(self, file: int, data: int, size: int, offset: int) -> int:
        path, usual = self._open_files[file]

        def do(part: bytes) -> int:
            return cast(int, usual.write(file, data, len(part), offset)) if part else OK

        return self._files.write(path, offset, ctypes.string_at(data, size), do)

    def _truncate(self, file: int, size: int) -> int:
        path, usual = self._open_files[file]
        return self._files.truncate(path, size, lambda: cast(int, usual.truncate(file, size)))

    def _sync(self, file: int, flags: int) -> int:
        path, usual = self._open_files[file]
        return self._files.sync(path, lambda: cast(int, usual.sync(file, flags)))


def _methods_at(file: int) -> ctypes.c_void_p:
    """Where an open file keeps the address of its methods: its first field."""
    return ctypes.c_void_p.from_address(file)
