"""What a benchmark records: aims met and missed, the file, and that every benchmark can be loaded."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # benchmarks are scripts, not a package

import claims
import run
from claims import Claim

MACHINE = {"commit": "c0ffee", "processor": "an abacus"}


@pytest.mark.parametrize(
    ("better", "value", "missed"),
    [
        ("higher", 0.9, False),
        ("higher", 1.0, False),
        ("higher", 0.8, True),
        ("lower", 0.9, False),
        ("lower", 0.8, False),
        ("lower", 1.0, True),
        ("higher", math.nan, True),
        ("lower", math.nan, True),
    ],
)
def test_an_aim_is_met_by_its_own_value_and_missed_by_a_worse_one(better: str, value: float, missed: bool) -> None:
    claim = Claim("recall", value, aim=0.9, better=better)  # type: ignore[arg-type]
    assert claim.is_missed is missed
    assert claim.row()[2].startswith("MISSED: ") is missed


def test_without_an_aim_nothing_is_missed() -> None:
    claim = Claim("error", 0.1234567, "px", against="trackpy", peer_value=0.5)
    assert not claim.is_missed
    assert claim.row() == ("error", "0.1235 px", "trackpy: 0.5 px")


def test_a_row_names_the_aim_and_the_peer() -> None:
    assert Claim(
        "speed", 6.0, "times", aim=5, better="higher", against="trackpy", peer_value=1, shown="60 against 10"
    ).row() == (
        "speed",
        "60 against 10",
        "at least 5 times, trackpy",
    )


def test_the_file_holds_every_claim_with_the_commit_the_processor_and_the_date(tmp_path: Path) -> None:
    wanted = [
        Claim("recall", 0.95, aim=0.9, better="higher", shown="much"),
        Claim("error", math.nan, "px", aim=1, against="trackpy", peer_value=math.inf),
    ]
    path = claims.write("x", wanted, tmp_path / "deep", MACHINE)
    content = json.loads(path.read_text())
    assert content.keys() == {"commit", "processor", "date", "claims"}
    assert content["claims"][0] == {
        "claim": "recall",
        "value": 0.95,
        "unit": "",
        "aim": 0.9,
        "better": "higher",
        "against": "",
        "peer_value": None,
    }
    assert (content["claims"][1]["value"], content["claims"][1]["peer_value"]) == (None, None)
    about, found = claims.read(path)
    assert {key: about[key] for key in MACHINE} == MACHINE
    assert [claim.is_missed for claim in found] == [False, True]
    assert [path.name for path in path.parent.iterdir()] == ["x.json"]


def test_numpy_numbers_are_written_as_plain_ones(tmp_path: Path) -> None:
    import numpy as np

    path = claims.write("x", [Claim("n", np.int64(3), aim=np.float32(2.5))], tmp_path, MACHINE)  # type: ignore[arg-type]
    assert json.loads(path.read_text())["claims"][0]["value"] == 3


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.00056294, "px", "0.0005629 px"), (12345.6, "", "12,346"), (42.0, "%", "42%"), (math.nan, "s", "not a number")],
)
def test_numbers_are_readable(value: float, unit: str, text: str) -> None:
    assert claims.number(value, unit) == text


def test_what_benchmarks_write_does_not_make_the_code_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "HERE", tmp_path)
    for name in ("code.py", "docs/benchmarks.md", "reports/bench/x.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    for name in ("docs/benchmarks.md", "reports/bench/x.json"):
        (tmp_path / name).write_text("after")
    assert not claims.this_machine()["commit"].endswith("-dirty")
    (tmp_path / "code.py").write_text("after")
    assert claims.this_machine()["commit"].endswith("-dirty")


@pytest.mark.slow
@pytest.mark.parametrize("name", run.names())
def test_every_benchmark_loads(name: str) -> None:
    pytest.importorskip("magtrack", reason="the peer of the beads is not installed")
    assert callable(run._module(name, run.HERE / f"{name}.py").rows)


def test_a_benchmark_prints_what_is_missed_and_writes_its_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "names", lambda: ["small"])
    monkeypatch.setattr(run, "run", lambda _: [("a text", "1", ""), Claim("a claim", 2.0, aim=1)])
    monkeypatch.setattr(run, "GENERATE", tmp_path / "generate.py")
    run.GENERATE.write_text("def write_benchmarks():\n    print('the page is anew')\n")
    assert run.main(["small"]) == 0
    out = capsys.readouterr().out
    assert "MISSED: at most 1" in out
    assert "1 claims, 1 missed" in out
    assert "the page is anew" in out
    assert len(json.loads((tmp_path / "reports/bench/small.json").read_text())["claims"]) == 1


def test_a_benchmark_that_measured_nothing_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "names", lambda: ["small"])
    monkeypatch.setattr(run, "run", lambda _: [("real images", "not measured", "")])
    claims.write("small", [Claim("old", 1.0)], machine=MACHINE)
    assert run.main([]) == 0
    assert json.loads((tmp_path / "reports/bench/small.json").read_text())["claims"][0]["claim"] == "old"


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["nonsense"]) == 2
    assert "There is no benchmark 'nonsense'. Known: audit, " in capsys.readouterr().err
