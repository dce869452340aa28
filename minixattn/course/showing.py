"""Showing what is there: the source of the package, and the errors that it raises."""

import ast
import inspect
import textwrap


def show(thing, doc=False):
    """Print the source of a function, method, class or module of Python's.

    Parameters
    ----------
    thing : what to show
    doc : whether to print its docstring too; a lesson has said what that says

    Raises
    ------
    TypeError
        If it has no Python source, as a function compiled from C.
    """
    try:
        lines = inspect.getsource(inspect.unwrap(thing) if callable(thing) else thing)
    except (TypeError, OSError):
        raise TypeError(
            f"show: {thing!r} has no source in Python that could be shown; pass a function, "
            f"method, class or module that is written in it."
        ) from None
    print(inspect.cleandoc(lines) if doc else without_docstring(lines))


def without_docstring(source):
    """Source text without the docstring of the outermost definition."""
    source = textwrap.dedent(source)
    body = ast.parse(source).body
    outer = body[0] if len(body) == 1 and hasattr(body[0], "body") else ast.Module(body, [])
    lines = source.rstrip().split("\n")
    if ast.get_docstring(outer) is not None and len(outer.body) > 1:
        said = outer.body[0]
        del lines[said.lineno - 1 : said.end_lineno]
    return "\n".join(lines).strip("\n")


def refusal(attempt, expected=Exception):
    """Call `attempt()`, which must fail, and print its error as Python would, in one line.

    Parameters
    ----------
    attempt : function without arguments
    expected : the class of the error

    Raises
    ------
    AssertionError
        If nothing went wrong: then the text around it is no longer true.
    """
    try:
        attempt()
    except expected as error:
        print(f"{type(error).__name__}: {error}")
    else:
        raise AssertionError(f"expected {expected.__name__}, but nothing went wrong.")
