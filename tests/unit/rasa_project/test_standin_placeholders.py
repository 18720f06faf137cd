"""What stands in TensorFlow's place can be imported and derived from, and nothing else."""

from __future__ import annotations

import sys
from abc import ABC
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Optional, Union, get_type_hints

import pytest

from tests.rasa_fixtures import PROJECT


@pytest.fixture
def placeholders(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(PROJECT))
    from standin import placeholders

    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield placeholders
    for name in list(sys.modules):
        if name.partition(".")[0] in placeholders.PACKAGES:
            del sys.modules[name]


@pytest.fixture
def tf(placeholders: ModuleType) -> Any:
    assert placeholders.install()
    import tensorflow as tf

    return tf


def test_any_module_and_any_name_can_be_imported(tf: Any) -> None:
    import tensorflow.keras.backend as backend
    from keras import Model
    from tensorflow.keras.utils import Sequence
    from tensorflow.python.eager.wrap_function import WrappedFunction
    from tensorflow_hub.module_v2 import load

    assert all(isinstance(name, type) for name in (Model, Sequence, WrappedFunction, load))
    assert backend.dot is tf.keras.backend.dot


def test_classes_derive_from_it_and_annotations_name_it(tf: Any) -> None:
    class Layer(tf.keras.layers.Layer):  # type: ignore[misc]
        SIZE = 3

        def call(self, inputs: tf.Tensor) -> Optional[tf.Tensor]:  # noqa: UP045
            return inputs

    class Mixed(ABC, tf.keras.Model): ...  # type: ignore[misc]

    assert Layer.SIZE == 3
    assert not hasattr(Layer, "units")
    assert Union[tf.Tensor, int] == Union[int, tf.Tensor]  # noqa: UP007
    assert get_type_hints(Layer.call, localns={"tf": tf})["inputs"] is tf.Tensor
    assert not isinstance(3, tf.Tensor)


@pytest.mark.parametrize(
    ("use", "named"),
    [
        (lambda tf: tf.constant([1.0]), "tensorflow.constant"),
        (lambda tf: tf.config.list_physical_devices("GPU"), "tensorflow.config.list_physical_devices"),
        (lambda tf: type("MyLayer", (tf.keras.layers.Layer,), {})(), "MyLayer"),
        (lambda tf: tf.float32 + 1, "tensorflow.float32"),
        (lambda tf: 1 * tf.float32, "tensorflow.float32"),
        (lambda tf: tf.float32 < 1, "tensorflow.float32"),
        (lambda tf: list(tf.data), "tensorflow.data"),
        (lambda tf: tf.devices[0], "tensorflow.devices"),
        (lambda tf: "eager" if tf.executing_eagerly else "", "tensorflow.executing_eagerly"),
        (lambda tf: range(tf.size), "tensorflow.size"),
    ],
)  # fmt: skip
def test_using_it_says_what_is_missing_and_names_the_switch(
    tf: Any, placeholders: ModuleType, use: Any, named: str
) -> None:
    with pytest.raises(placeholders.TensorFlowMissing, match="RASA_TENSORFLOW=1") as raised:
        use(tf)
    assert str(raised.value).startswith(f"{named} needs TensorFlow")


def test_a_version_is_not_made_up(tf: Any) -> None:
    with pytest.raises(AttributeError, match="RASA_TENSORFLOW=1"):
        _ = tf.__version__


def test_a_real_one_that_is_loaded_already_stays(
    placeholders: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ModuleType("tensorflow")
    monkeypatch.setitem(sys.modules, "tensorflow", real)
    before = list(sys.meta_path)
    assert not placeholders.install()
    assert sys.meta_path == before


def test_other_packages_are_left_alone(tf: Any) -> None:
    import colorsys
    import importlib.util

    assert colorsys.__file__
    assert importlib.util.find_spec("tensorflowish") is None
