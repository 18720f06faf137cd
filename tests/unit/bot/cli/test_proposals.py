"""``guichet proposals``, as typed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.analytics.database import Database
from bot.analytics.record import SqlRecord
from bot.analytics.upgrade import upgrade
from bot.cli.main import main
from bot.domain.facts import Proposed
from bot.ports.clock import SystemClock
from tests.fakes.facts import after, fact
from tests.unit.bot.operations.test_proposals import ENTRY

CONFIGURATION, NOT_DONE = 2, 1


@dataclass(frozen=True, slots=True)
class Said:
    status: int
    stdout: str
    stderr: str


class Type:
    """Runs the command as somebody who types it."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str) -> Said:
        status = main(["proposals", *words])
        return Said(status, *self._capture.readouterr())


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    monkeypatch.setenv("GUICHET_DATABASE__URL", f"sqlite:///{tmp_path}/record.db")
    monkeypatch.setenv("GUICHET_RASA_PROJECT", str(tmp_path))
    monkeypatch.setenv("GUICHET_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)
    return Type(capsys)


@pytest.fixture
def vegan(tmp_path: Path) -> Path:
    (tmp_path / "data" / "faq").mkdir(parents=True)
    for name in ("vegan", "samples"):
        (tmp_path / "data" / "faq" / f"{name}.yml").write_text(ENTRY.format(id=name))
    return tmp_path / "data" / "faq" / "vegan.yml"


@pytest.fixture
def filed(tmp_path: Path, vegan: Path) -> None:
    url = f"sqlite:///{tmp_path}/record.db"

    async def fill() -> None:
        database = Database.open(url)
        known = Proposed(
            agent_id="slack:U1", agent_name="Léa", intent="faq_vegan", language="fr",
            question="vos crèmes ont du lait ?\x1b[31m",
        )  # fmt: skip
        new = Proposed(agent_id="slack:U2", language="fr", question="gravure ?", answer="Oui.")
        facts = [
            fact(known, id="l_1f0c3a77de00-0", at=after(1)),
            fact(new, id="l_2e0c3a77de00-0", at=after(2)),
        ]
        await SqlRecord(database, SystemClock()).store(facts)
        await database.close()

    upgrade(url)
    asyncio.run(fill())


@pytest.mark.usefixtures("filed")
def test_what_waits_is_listed_with_ids_to_copy(typed: Type) -> None:
    lines = typed("list").stdout.splitlines()
    assert lines[0].split() == ["id", "filed", "by", "lang", "entry", "question"]
    assert lines[1].startswith("l_1f0c3a77de ")
    assert "Léa" in lines[1]
    assert "\x1b" not in lines[1]
    assert "(new)" in lines[2]
    assert [one["id"] for one in json.loads(typed("list", "--json").stdout)] == [
        "l_1f0c3a77de00-0", "l_2e0c3a77de00-0",
    ]  # fmt: skip


@pytest.mark.usefixtures("filed")
def test_one_is_shown_whole_by_the_beginning_of_its_id(typed: Type) -> None:
    shown = typed("show", "2e0c").stdout
    assert "gravure ?" in shown
    assert "slack:U2" in shown
    assert json.loads(typed("show", "2e0c", "--json").stdout)["answer"] == "Oui."
    assert typed("show", "9").stderr == "No such proposal.\n"
    assert typed("show", "l_").status == NOT_DONE


@pytest.mark.usefixtures("filed")
def test_accepting_shows_the_change_writes_it_and_says_what_comes_next(typed: Type, vegan: Path) -> None:
    result = typed("accept", "1f0c", "--yes", "--as", "Ana", "--question", "vos crèmes ont du lait ?")
    assert result.status == 0
    assert "+      - vos crèmes ont du lait ?" in result.stdout
    for word in ("guichet check-config", "guichet nlu train", "guichet nlu evaluate", "git checkout"):
        assert word in result.stdout
    assert "- vos crèmes ont du lait ?\n" in vegan.read_text()
    (decided,) = [
        one for one in json.loads(typed("list", "--all", "--json").stdout) if one["status"] != "open"
    ]
    assert (decided["status"], decided["decided_by"]) == ("accepted", "Ana")
    again = typed("accept", "1f0c", "--yes")
    assert (again.status, "accepted by Ana" in again.stderr) == (CONFIGURATION, True)


@pytest.mark.usefixtures("filed")
def test_without_a_yes_nothing_is_written(typed: Type, vegan: Path) -> None:
    before = vegan.read_bytes()
    result = typed("accept", "1f0c")
    assert result.status == NOT_DONE
    assert "+      - vos crèmes" in result.stdout
    assert "--yes" in result.stderr
    assert vegan.read_bytes() == before
    assert len(json.loads(typed("list", "--json").stdout)) == 2


@pytest.mark.usefixtures("filed")
def test_a_new_entry_is_written_whole(typed: Type, vegan: Path) -> None:
    words = ("accept", "2e0c", "--yes", "--intent", "faq_engraving", "--other-question", "engraving?")
    lacking = typed(*words)
    assert (lacking.status, "--other-answer" in lacking.stderr) == (CONFIGURATION, True)
    result = typed(*words, "--other-answer", "Yes.")
    assert result.status == 0
    assert "rm data/faq/engraving.yml" in result.stdout
    assert 'title: "gravure ?"' in (vegan.parent / "engraving.yml").read_text()


@pytest.mark.usefixtures("filed")
def test_rejecting_keeps_it_with_the_reason(typed: Type) -> None:
    assert typed("reject", "1f0c", "--reason", "déjà dit").stdout == "Rejected.\n"
    (kept, _) = json.loads(typed("list", "--all", "--json").stdout)
    assert (kept["status"], kept["reason"]) == ("rejected", "déjà dit")
    assert typed("reject", "2e0c").status == CONFIGURATION


@pytest.mark.usefixtures("vegan")
def test_before_anything_was_logged_it_says_so_in_a_sentence(typed: Type, tmp_path: Path) -> None:
    result = typed("list")
    assert (result.status, "Nothing was logged yet" in result.stderr) == (CONFIGURATION, True)
    assert not (tmp_path / "record.db").exists()


@pytest.mark.usefixtures("filed")
def test_a_record_without_proposals_says_so(typed: Type) -> None:
    for one in ("1f0c", "2e0c"):
        typed("reject", one, "--reason", "non")
    assert typed("list").stdout == "No proposals wait for a decision.\n"


@pytest.mark.parametrize("command", ["list", "show", "accept", "reject"])
def test_help_has_examples(typed: Type, command: str) -> None:
    assert f"guichet proposals {command}" in typed(command, "--help").stdout
