"""The processor's prefetch for code compiled by ``numba``, which has none of its own."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_INT = ir.IntType(32)
_POINTER = ir.IntType(8).as_pointer()
_READ, _KEEP, _DATA = _INT(0), _INT(3), _INT(1)


@intrinsic  # pyright: ignore[reportUntypedFunctionDecorator]
def prefetch(typing: Any, array: Any, offset: Any) -> Any:
    """Ask for what lies ``offset`` bytes after the first of ``array``; beyond its end nothing happens."""
    del typing, offset

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        first = context.make_array(signature.args[0])(context, builder, given[0]).data
        place = builder.gep(builder.bitcast(first, _POINTER), [given[1]])
        kind = ir.FunctionType(ir.VoidType(), [_POINTER, _INT, _INT, _INT])
        asked = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(asked, [place, _READ, _KEEP, _DATA])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
