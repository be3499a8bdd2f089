"""Where templates of scenarios are evaluated: jinja2's immutable sandbox, without its dice, and with bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_center, do_format, do_indent, do_replace
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

LARGEST = 100_000
"""Characters and values of one variable, and of what one operation makes: a client could make it ever longer."""
_MOST_BITS = 4096
"""Of a whole number: messages have room for 64, and Python prints no more than 4300 digits."""
_PERCENT = re.compile(r"%(?:\([^)]*\))?[-+ #0]*(\d+|\*)?(?:\.(\d+|\*))?", re.ASCII)
_BRACES = re.compile(r"\{[^{}:]*:(?:[^{}]*?(\d+)(?:\.(\d+))?[^{}\d]*\}|[^{}]*(\{))", re.ASCII)
"""Width and precision of a field, `*` or a brace where they are values."""
_WIDE = frozenset(("center", "expandtabs", "ljust", "rjust", "zfill"))
"""Methods of texts that take one."""


class Sandbox(ImmutableSandboxedEnvironment):
    """What reaches nothing outside, and whose operations are bounded."""

    # What is intercepted is not worked out while a template is compiled, either.
    intercepted_binops = frozenset(("*", "**", "%"))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of a message may be called `items`, too."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`*`, `**` and `%`, of which a client may have brought one side. Raises SecurityError."""
        if operator == "**":
            if isinstance(left, int) and isinstance(right, int) and right > 0:
                _few(left, operator, right, left.bit_length() * right)
        elif operator == "*":
            _product(left, right)
            _product(right, left)
        elif isinstance(left, str):
            _format(_PERCENT, left, right if isinstance(right, tuple) else (right,))
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Methods of texts with a width, and those that put a text in the place of another. Raises SecurityError."""
        text = getattr(__obj, "__self__", None)
        if isinstance(text, str):
            if __obj.__name__ in _WIDE:
                _widths([*args, *kwargs.values()], text.count("\t") or 1)
            elif __obj.__name__ == "replace" and len(args) > 1:
                _replace(text, *args[:2])
        return super().call(__context, __obj, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`format` and `format_map` of a text."""
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        def bounded(*args: Any, **kwargs: Any) -> str:
            mapped = [inner for one in args if isinstance(one, Mapping) for inner in one.values()]
            _format(_BRACES, value.__self__, [*args, *mapped, *kwargs.values()])
            return wrapped(*args, **kwargs)

        return bounded


def _few(left: int, operator: str, right: int, bits: int) -> None:
    if bits > _MOST_BITS:
        raise SecurityError(f"{left} {operator} {right} is too large a number")


def _bound(size: int, times: int = 1) -> None:
    if size * times > LARGEST:
        told = f"{times} times {size}" if times > 1 else f"{size}"
        raise SecurityError(f"{told} characters or values; {LARGEST} are the most")


def _product(many: Any, times: Any) -> None:
    if isinstance(times, int):
        if isinstance(many, str | bytes | list | tuple):
            _bound(len(many), times)
        elif isinstance(many, int):
            _few(many, "*", times, many.bit_length() + times.bit_length())


def _widths(given: Iterable[Any], times: int = 1) -> None:
    for width in given:
        if isinstance(width, int):
            _bound(width, times)


def _format(fields: re.Pattern[str], text: str, given: Iterable[Any]) -> None:
    found = {width for widths in fields.findall(text) for width in widths if width}
    _widths(int(width[:20]) for width in found if width.isdecimal())
    if not found.isdisjoint("*{"):
        _widths(given)


def _replace(text: str, old: Any, new: Any) -> None:
    if isinstance(old, str) and isinstance(new, str):
        _bound(len(text) + text.count(old) * len(new))


def _centered(value: str, width: int = 80) -> str:
    _widths([width])
    return do_center(value, width)


def _indented(s: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    lines = str(s).count("\n") + 1
    _bound(len(width) if isinstance(width, str) else width, lines)
    return do_indent(s, width, first, blank)


def _formatted(value: str, *args: Any, **kwargs: Any) -> str:
    _format(_PERCENT, str(value), [*args, *kwargs.values()])
    return do_format(value, *args, **kwargs)


@pass_eval_context
def _replaced(eval_ctx: Any, s: str, old: str, new: str, count: int | None = None) -> str:
    _replace(str(s), str(old), str(new))
    return do_replace(eval_ctx, s, old, new, count)


@cache
def sandbox() -> Sandbox:
    """The one for all scenarios."""
    made = Sandbox(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    # Dice are thrown by the seed alone: `number()` does.
    del made.filters["random"]
    for name in ("lipsum", "cycler", "joiner", "namespace"):
        made.globals.pop(name)
    made.filters |= {"center": _centered, "indent": _indented, "format": _formatted, "replace": _replaced}
    return made
