"""What the pages for operators say can be typed: commands and options exist, settings are settings, links lead on."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from argus.cli import group
from argus.commands import Shell
from argus.settings import table
from tests.deploy.compose import ROOT, read

PAGES = [
    ROOT / "docs" / name for name in ("install.md", "operate.md", "security-operations.md", "troubleshooting.md")
]
THREATS = ROOT / "docs" / "security.md"
NOT_SETTINGS = {"ARGUS_CONFIG"}
# A file in `secrets/`, and a label.
NO_METRICS = {"argus_secret", "argus_url"}


def typed(page: Path) -> Iterator[list[str]]:
    """The command lines of a page: those that are set apart, with `\\` and `&&` followed."""
    for block in re.findall(r"(?:^ {4,}.*\n)+", page.read_text(), re.MULTILINE):
        for line in block.replace("\\\n", " ").replace("&&", "\n").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words


COMMANDS = [(page.name, words) for page in PAGES for words in typed(page)]


def told(words: list[str]) -> str:
    return " ".join(words)


@pytest.mark.parametrize("words", [words for _, words in COMMANDS if words[0].endswith("argus")], ids=told)
def test_every_command_of_ours_is_taken_as_it_stands(words: list[str]) -> None:
    rest, context = list(words[1:]), click.Context(group, obj=Shell(environ={}))
    command: click.Command = group
    while isinstance(command, click.Group):
        found = command.get_command(context, rest[0])
        assert found is not None, rest[0]
        command, rest = found, rest[1:]
    # Files that only their owner has are the one thing that may be missing.
    missing = [word for word in rest if "." in word and not word.startswith("-")]
    try:
        command.make_context(told(words), rest, parent=context)
    except click.BadParameter as error:
        assert "does not exist" in error.message, error.message
        assert missing, error.message


def test_the_threat_model_names_tests_that_are_there() -> None:
    named = set(re.findall(r"`((?:tests|core)/[^`]+)`", THREATS.read_text()))
    assert len(named) > 10
    assert [path for path in named if not list(ROOT.glob(path))] == []


@pytest.mark.parametrize("words", [words for _, words in COMMANDS if words[0] == "docker"], ids=told)
def test_every_service_that_is_named_is_in_the_file(words: list[str]) -> None:
    services = read()["services"]
    assert words[1] == "compose"
    if "exec" in words:
        assert words[words.index("exec") + 1] in services
    if "--scale" in words:
        name, _, count = words[words.index("--scale") + 1].partition("=")
        assert name in services
        assert int(count) > 0
    for position, word in enumerate(words):
        if word == "-f":
            assert (ROOT / words[position + 1]).is_file()


def test_what_else_is_typed_is_known_and_little() -> None:
    programs = {words[0] for _, words in COMMANDS if not words[0].endswith("argus")}
    assert programs <= {
        "docker", "kubectl", "make", "deploy/make-secrets", "pg_dump", "pg_restore", "psql",
        "kafka-consumer-groups.sh",
    }  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_is_one(page: Path) -> None:
    known = {row.env for row in table().values()} | NOT_SETTINGS
    for name in set(re.findall(r"\bARGUS_[A-Z_]+[A-Z]\b(?!\.\.\.)", page.read_text())):
        if not name.startswith("ARGUS_RETENTION_DAYS"):
            assert name in known or name.removesuffix("_FILE") in known, name


@pytest.mark.parametrize("page", [*PAGES, THREATS], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]+\.md)(?:#([\w-]+))?\)", page.read_text()):
        file = (page.parent / target).resolve()
        assert file.is_file(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}, anchor
    for path in re.findall(r"`((?:deploy|tests|prometheus|grafana)/[\w./-]+)`", page.read_text()):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_metric_and_alert_that_is_named_is_there(page: Path) -> None:
    text = page.read_text()
    declared = set(re.findall(r"\bargus_\w+", (ROOT / "docs" / "metrics.md").read_text()))
    assert set(re.findall(r"\bargus_[a-z_]+[a-z]\b", text)) - NO_METRICS <= declared
    alerts = set(re.findall(r"`(Argus[A-Z]\w+)`", text))
    assert all((ROOT / "docs" / "runbooks" / f"{alert}.md").is_file() for alert in alerts)
