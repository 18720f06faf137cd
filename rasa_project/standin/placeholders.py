"""Something to import in TensorFlow's place: enough for Rasa's modules to load, nothing that computes.

Rasa imports TensorFlow whatever its pipeline is made of, for the base classes and annotations of components
that then never run: seconds of each start, and some 350 MB. :func:`install` puts placeholders in its place: a
class may derive from one, and an annotation may name one. Calling one, making an instance of what derives
from one, or computing with one raises :class:`TensorFlowMissing`, which names the way back.
"""

from __future__ import annotations

import sys
from abc import ABCMeta
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

SWITCH = "RASA_TENSORFLOW"
"""Set in the environment of a Rasa process to load the real TensorFlow."""

PACKAGES = frozenset({"tensorflow", "tensorflow_hub", "tensorflow_text", "keras"})


class TensorFlowMissing(RuntimeError):
    """A placeholder was used where the real TensorFlow is needed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} needs TensorFlow, and this process runs without it: start it with {SWITCH}=1 in its "
            "environment."
        )


# An abstract class's type, so that a class may derive from a placeholder and an abstract class.
class Placeholder(ABCMeta):
    """The type of whatever stands for a class, a function or a value of TensorFlow's."""

    _stands_for: str

    def __getattr__(cls, name: str) -> Any:
        if "_stands_for" not in vars(cls):  # derived from one: it has what its author gave it, no more
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return placeholder(cls._stands_for, name)

    def _refuse(cls, *_args: object, **_kwargs: object) -> NoReturn:
        raise TensorFlowMissing(cls._stands_for if "_stands_for" in vars(cls) else cls.__name__)

    __call__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __int__ = __float__ = __index__ = _refuse
    __add__ = __sub__ = __mul__ = __truediv__ = __matmul__ = __pow__ = _refuse
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rmatmul__ = __rpow__ = _refuse


_made: dict[str, Placeholder] = {}


def placeholder(parent: str, name: str) -> Placeholder:
    """What ``parent.name`` gives: always the same one.

    Raises:
        AttributeError: a special name (``__version__``). Asking for those is how Python and others
            find out what a thing is.
    """
    path = f"{parent}.{name}"
    if name.startswith("__"):
        raise AttributeError(
            f"{path} is not there without TensorFlow; {SWITCH}=1 in the environment loads it"
        )
    if path not in _made:
        _made[path] = Placeholder(name, (), {"_stands_for": path, "__module__": parent})
    return _made[path]


class _Module(ModuleType):
    """A module of placeholders."""

    def __getattr__(self, name: str) -> Any:
        return placeholder(self.__name__, name)


class _Loader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name, __doc__)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        return ModuleSpec(fullname, _Loader(), origin=__file__, is_package=True)


def install() -> bool:
    """Let every later import of TensorFlow find placeholders; False when the real one is loaded already."""
    if not PACKAGES.isdisjoint(sys.modules):
        return False
    sys.meta_path.insert(0, _Finder())
    return True
