"""``guichet nlu evaluate`` over a Rasa of a few lines: it learns texts by heart."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from bot.cli.main import main
from bot.knowledge import evaluation
from bot.knowledge.evaluation import Names
from bot.knowledge.examples import Example
from bot.settings import load_settings

REPOSITORY = Path(__file__).resolve().parents[4]

RUN_RASA = """
import json, pathlib, sys
assert sys.argv[1:3] == ["train", "nlu"], sys.argv
assert pathlib.Path("config.yml").exists() and pathlib.Path("components/one.py").exists()
print("2026 INFO - Starting to train component 'Heart'.", flush=True)
if pathlib.Path("data/nlu.json").exists():
    examples = json.loads(pathlib.Path("data/nlu.json").read_text())["rasa_nlu_data"]["common_examples"]
else:
    examples = [{"text": "yaml", "intent": path.stem} for path in sorted(pathlib.Path("data").rglob("*.yml"))]
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
config = pathlib.Path("config.yml").read_text().strip()
(out / "model.tar.gz").write_text(json.dumps({"examples": examples, "config": config}))
"""
PARSE_TEXTS = """
import json, pathlib, sys
model = json.loads(pathlib.Path(sys.argv[1]).read_text())
learnt = {one["text"]: one["intent"] for one in model["examples"]}
print("chatter", file=sys.stderr)
print(json.dumps({"load_s": 0.1}), flush=True)
for line in sys.stdin:
    text = json.loads(line)["text"]
    if text == "crash":
        sys.exit("Exception: out of order")
    ranking = [[learnt[text], 0.9]] if text in learnt else [["nlu_fallback", 0.3], ["greet", 0.2]]
    print(json.dumps({"ranking": ranking, "ms": len(text)}), flush=True)
print(json.dumps({"peak_mb": 12.5}), flush=True)
"""


@pytest.fixture(autouse=True)
def rasa_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "rasa_project"
    (project / "components").mkdir(parents=True)
    (project / "components" / "one.py").write_text("ONE = 1\n")
    (project / "data").mkdir()
    (project / "models").mkdir()
    (project / "config.yml").write_text("pipeline: []\n")
    (project / "run_rasa.py").write_text(RUN_RASA)
    (project / "parse_texts.py").write_text(PARSE_TEXTS)
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setenv("GUICHET_RASA_PROJECT", str(project))
    monkeypatch.setenv("GUICHET_UNDERSTANDING__ANSWER_AT", "0.5")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    return project


def csv(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text("\n".join(["text,intent", *rows, ""]), encoding="utf-8")
    return path


def evaluate(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    status = main(["nlu", "evaluate", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert status == 0, err
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    status = main(["nlu", "evaluate", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert status == 2
    assert not out
    return err


def leftovers(tmp_path: Path) -> list[Path]:
    return [*(tmp_path / "temporary").iterdir(), *(tmp_path / "rasa_project" / "models").iterdir()]


def test_what_is_learnt_is_the_text_itself_under_any_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ['[x](y) {"a"},a/b', "/greet,c+d e", "- item,été", '"two\nlines",intent_1', "42,42"]
    rows = [rows[0].replace('{"a"}', "{a}"), *rows[1:]]
    path = csv(tmp_path, "all.csv", *rows)
    told = evaluate(capsys, "--train", path, "--test", path)
    assert told["accuracy_in_scope"] == told["mcc_at_threshold"] == 1
    assert told["messages"] == told["examples"] == told["intents"] == 5
    assert not leftovers(tmp_path)


def test_every_figure_is_a_number_or_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = csv(tmp_path, "train.csv", "hi,greet", "bye,goodbye", "whatever,oos")
    test = csv(tmp_path, "test.csv", "hi,greet", "bye,goodbye", "unheard of,oos", "whatever,oos", "moo,cow")
    told = evaluate(capsys, "--train", train, "--test", test)
    assert told["accuracy_in_scope"] == pytest.approx(2 / 3)
    assert told["threshold"] == 0.5
    assert told["in_scope_at_threshold"] == pytest.approx(2 / 3)
    assert told["oos_recall"] == 1  # rejected, and named so
    assert told["oos_precision"] == pytest.approx(2 / 3)
    assert told["train_s"] > 0
    assert (told["parse_p50_ms"], told["peak_mb"]) == (3, 12.5)
    assert told["unknown_intents"] == ["cow"]
    for name in ("mcc_at_threshold", "best_mcc", "best_mcc_threshold", "ece", "parse_p95_ms"):
        assert isinstance(told[name], float | int), name
    told = evaluate(capsys, "--train", train, "--test", csv(tmp_path, "in.csv", "hi,greet"))
    assert told["oos_precision"] is None
    assert told["oos_recall"] is None


def test_a_person_reads_a_table_and_what_is_doubtful(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = csv(tmp_path, "train.csv", "hi,greet", "HI,goodbye", "bye,goodbye", "/,slash")
    assert main(["nlu", "evaluate", "--train", str(train), "--test", str(train)]) == 0
    out, err = capsys.readouterr()
    assert "best MCC over thresholds" in out
    assert "parsed on one thread: p50" in out
    both = f"{train}, line 3: 'HI' is goodbye here, and greet in {train}, line 2; keep one"
    assert f"warning: the same text under two intents: {both}" in err
    assert f"a single example: {train}, line 2: greet" in err
    assert f"left out: {train}, line 5: '/'" in err
    assert "never learnt: always wrong: slash" in err
    assert "training Heart" in err


def test_of_many_warnings_a_few_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = csv(tmp_path, "train.csv", *(f"text {n},intent {n}" for n in range(20)))
    assert main(["nlu", "evaluate", "--train", str(train), "--test", str(train)]) == 0
    err = capsys.readouterr().err
    assert err.count("warning: an intent with a single example: ") == 6
    assert "warning: an intent with a single example: 15 more" in err


def test_another_configuration_is_the_one_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rasa_project: Path
) -> None:
    (tmp_path / "diet.yml").write_text("pipeline: [diet]\n")
    settings = load_settings()
    with evaluation.workshop(settings.rasa_project, tmp_path / "diet.yml") as project:
        evaluation.write_labelled(project, [Example("a", "x", tmp_path, 1)], Names(["x"]), lambda text: text)
        trained = asyncio.run(evaluation.train(project, progress=lambda _: None, timeout=60))
        assert json.loads(trained.model.read_text())["config"] == "pipeline: [diet]"
    assert (rasa_project / "config.yml").read_text() == "pipeline: []\n"
    path = csv(tmp_path, "all.csv", "a,x", "b,y")
    told = evaluate(capsys, "--train", path, "--test", path, "--config", tmp_path / "diet.yml")
    assert told["config"] == str(tmp_path / "diet.yml")
    assert "name a Rasa configuration" in refused(
        capsys, "--train", path, "--test", path, "--config", tmp_path / "none.yml"
    )


def test_a_training_is_cold_unless_it_is_asked_to_be_warm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rasa_project: Path
) -> None:
    remembers = """
for folder in map(pathlib.Path, (".cache/encoders", ".cache/embeddings")):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "seen").touch(exist_ok=folder.name == "encoders")
"""
    (rasa_project / "run_rasa.py").write_text(f"{RUN_RASA}\n{remembers}\n")
    path = csv(tmp_path, "all.csv", "a,x", "b,y")
    for _ in range(2):
        assert evaluate(capsys, "--train", path, "--test", path)["cold"] is True
    assert (rasa_project / ".cache" / "encoders" / "seen").exists()  # made once an installation
    assert not (rasa_project / ".cache" / "embeddings").exists()
    assert evaluate(capsys, "--train", path, "--test", path, "--warm")["cold"] is False
    assert (rasa_project / ".cache" / "embeddings" / "seen").exists()
    assert "FileExistsError" in refused(capsys, "--train", path, "--test", path, "--warm")


def test_several_files_are_learnt_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = csv(tmp_path, "one.csv", "a,x", "b,y"), csv(tmp_path, "two.csv", "c,oos")
    told = evaluate(capsys, "--train", one, "--train", two, "--test", one, "--test", two)
    assert told["messages"] == 3
    assert told["oos_recall"] == 1


def test_predictions_are_written_for_whoever_looks_for_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = csv(tmp_path, "all.csv", "a,x/1", "b,y"), tmp_path / "out.csv"
    evaluate(capsys, "--train", path, "--test", csv(tmp_path, "t.csv", "a,x/1", "c,y"), "--predictions", out)
    _, known, unknown = out.read_text().splitlines()
    assert known.startswith("a,x/1,,x/1,0.9000")
    assert unknown.startswith("c,y,,greet,0.2000")  # Rasa's own fallback, before it, is no intent


BLOCK = "  - intent: {intent}\n    metadata: {{language: {language}}}\n    examples: |\n      - {text}\n"


def rasa_file(path: Path, *blocks: tuple[str, str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = (BLOCK.format(intent=i, language=language, text=text) for i, language, text in blocks)
    path.write_text('version: "3.1"\nnlu:\n' + "".join(written))


def test_rasas_own_files_are_split_by_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, held_out = tmp_path / "data", tmp_path / "held_out"
    rasa_file(data / "faq" / "threat.yml", ("threat", "fr", "gare à vous"), ("threat", "en", "watch out"))
    rasa_file(data / "yaml.yml", ("yaml", "fr", "bonjour"), ("yaml", "en", "hello"))
    rasa_file(
        held_out / "all.yml", ("yaml", "fr", "Bonjour !"), ("yaml", "fr", "yaml"), ("threat", "en", "beware")
    )
    told = evaluate(capsys, "--train", data, "--test", held_out)
    assert told["left_out"] == 1  # bonjour
    assert told["by_language"]["fr"]["accuracy"] == 1
    assert told["protected"]["en"]["recall"] == 0
    assert told["protected"]["all"]["intents"]["threat"]["messages"] == 1
    told = evaluate(
        capsys, "--train", data, "--test", held_out, "--train-language", "en", "--test-language", "fr"
    )
    assert (told["examples"], told["messages"]) == (2, 1)
    assert "has en, fr" in refused(capsys, "--train", data, "--test", held_out, "--train-language", "de")
    assert "every message stands in the training data" in refused(capsys, "--train", data, "--test", data)
    assert "must be the only --train" in refused(
        capsys, "--train", data, "--train", held_out, "--test", held_out
    )


def test_only_blocks_of_the_language_are_trained_on(tmp_path: Path) -> None:
    rasa_file(tmp_path / "data" / "a.yml", ("a", "fr", "bonjour"), ("a", "en", "hello"))
    (tmp_path / "data" / "entities.yml").write_text(
        "nlu:\n  - regex: number\n    examples: |\n      - \\d+\n"
    )
    with evaluation.workshop(load_settings().rasa_project) as project:
        evaluation.write_rasa(project, tmp_path / "data", "en")
        assert "hello" in (project / "data" / "a.yml").read_text()
        assert "bonjour" not in (project / "data" / "a.yml").read_text()
        assert "regex: number" in (project / "data" / "entities.yml").read_text()


def test_a_mistake_is_told_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rasa_project: Path
) -> None:
    (rasa_project / "run_rasa.py").write_text("raise SystemExit('must not be started')")
    good = csv(tmp_path, "good.csv", "a,x", "b,y")
    bad = csv(tmp_path, "bad.csv", "a,x", ",y")
    assert f"{bad}, line 3: the text is empty" in refused(capsys, "--train", bad, "--test", good)
    assert f"{bad}, line 3: the text is empty" in refused(capsys, "--train", good, "--test", bad)
    one = csv(tmp_path, "one.csv", "a,x", "/,y")
    assert f"{one}, line 2: is the only example" in refused(capsys, "--train", one, "--test", good)
    assert not leftovers(tmp_path)


def test_without_rasa_the_remedy_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rasa_project: Path
) -> None:
    path = csv(tmp_path, "all.csv", "a,x", "b,y")
    (rasa_project / ".venv" / "bin" / "python").unlink()
    assert "make install" in refused(capsys, "--train", path, "--test", path)
    (rasa_project / "config.yml").unlink()
    assert "restore it from git" in refused(capsys, "--train", path, "--test", path)
    assert not leftovers(tmp_path)


def test_a_failed_training_leaves_nothing_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rasa_project: Path
) -> None:
    (rasa_project / "run_rasa.py").write_text("raise SystemExit('YamlException: no pipeline')")
    path = csv(tmp_path, "all.csv", "a,x", "b,y")
    assert "YamlException: no pipeline" in refused(capsys, "--train", path, "--test", path)
    assert not leftovers(tmp_path)


def test_a_parser_that_dies_is_told_with_its_last_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = csv(tmp_path, "train.csv", "a,x", "b,y")
    test = csv(tmp_path, "test.csv", "a,x", "crash,x", *(f"more {n},x" for n in range(5000)))
    assert "Exception: out of order" in refused(capsys, "--train", train, "--test", test)
    assert not leftovers(tmp_path)


def test_a_text_without_anything_to_read_is_not_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = csv(tmp_path, "train.csv", "a,x", "b,y")
    told = evaluate(capsys, "--train", train, "--test", csv(tmp_path, "test.csv", "/,oos", "\u200b,oos"))
    assert told["oos_recall"] == 1
    assert told["parse_p50_ms"] is None


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(tmp_path: Path, rasa_project: Path, signum: int) -> None:
    pid_file = tmp_path / "pid"
    sleeper = f"import os, pathlib, time\npathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
    (rasa_project / "run_rasa.py").write_text(sleeper + "time.sleep(600)\n")
    path = csv(tmp_path, "all.csv", "a,x", "b,y")
    command = [sys.executable, "-m", "bot.cli", "nlu", "evaluate", "--train", str(path), "--test", str(path)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    try:
        until(lambda: pid_file.exists() and pid_file.read_text() != "")
        process.send_signal(signum)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.wait()
    assert not leftovers(tmp_path)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def until(holds: Any) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_is_trained_is_a_copy_that_holds_while_people_edit(rasa_project: Path) -> None:
    (rasa_project / "weights.bin").write_bytes(b"0" * (evaluation.LARGE + 1))
    (rasa_project / ".cache" / "embeddings").mkdir(parents=True)
    with evaluation.workshop(rasa_project) as project:
        (rasa_project / "components" / "one.py").write_text("ONE = 'edited'\n")
        assert (project / "components" / "one.py").read_text() == "ONE = 1\n"
        assert (project / "weights.bin").is_symlink()
        assert (project / "weights.bin").stat().st_size > evaluation.LARGE
        assert not (project / ".cache" / "embeddings").exists()
    assert (rasa_project / "weights.bin").exists()
    assert (rasa_project / ".venv" / "bin" / "python").exists()  # only the way to it is gone


def test_names_that_rasa_would_misread_are_told_apart() -> None:
    names = Names(["a b", "a+b", "intent_0", "oos", "greet", "out_of_scope"])
    safe = [names.safe(name) for name in ("a b", "a+b", "intent_0", "greet")]
    assert len(set(safe)) == 4
    assert all(name.isidentifier() for name in safe)
    assert [names.given(name) for name in safe] == ["a b", "a+b", "intent_0", "greet"]
    assert names.safe("oos") == names.safe("out_of_scope") == "out_of_scope"
    assert names.given("nlu_fallback") == "nlu_fallback"
