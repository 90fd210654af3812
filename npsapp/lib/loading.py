"""Loading a library without what it would load for others."""

import importlib
import sys


def load(library: str, *, without: tuple[str, ...]) -> None:
    """Import it as if those modules were not installed; loaded ones stay loaded."""
    hidden = [name for name in without if sys.modules.setdefault(name, None) is None]  # type: ignore[arg-type]
    try:
        importlib.import_module(library)
    finally:
        for name in hidden:
            del sys.modules[name]
