"""What needs attention, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from brightfield.experiments import runs
from brightfield.system.lineage import Lineage
from queries import attention, tracking
from queries.attention import Notice

NONE = pd.DataFrame(columns=list(tracking.CHAMPIONS))


def about(found: list[Notice], words: str) -> Notice:
    (notice,) = [each for each in found if words in each.what]
    return notice


@pytest.mark.usefixtures("project")
def test_audits_and_runs_that_failed_lately() -> None:
    found = attention.notices(NONE)
    audit = about(found, "The audit of rbc")
    assert audit.what == "The audit of rbc found 2 warnings."
    assert audit.place == {"dataset": "rbc"}
    failed = about(found, "failed within the last 7 days")
    assert failed.what == "One training failed within the last 7 days, denoise-unet last."
    assert failed.place == {"runs-status": "failed"}
    assert not [each for each in found if "beads" in each.what]  # its audit found nothing
    assert found.index(failed) < found.index(audit)  # warnings come last


@pytest.mark.usefixtures("project")
def test_what_failed_long_ago_is_known() -> None:
    later = datetime.now(UTC) + timedelta(days=8)
    assert not [each for each in attention.notices(NONE, later) if "failed" in each.what]


@pytest.mark.usefixtures("project")
def test_a_run_whose_process_is_gone() -> None:
    run = runs.start("rbc", "rbc-lost", kind="classification", role="member", params={}, lineage=Lineage.from_dict({}))
    try:
        tracking.listed.clear()
        assert not [each for each in attention.notices(NONE) if "did not end" in each.what]  # it may be at work
        tomorrow = datetime.now(UTC) + timedelta(hours=25)
        dead = about(attention.notices(NONE, tomorrow), "did not end")
        assert dead.what.startswith("One training began more than 24 hours ago and did not end: rbc-lost.")
        assert dead.place == {"runs-status": "running"}
    finally:
        runs.connect().delete_run(run.id)


@pytest.mark.usefixtures("project")
def test_a_champion_of_earlier_images() -> None:
    champions = tracking.champions().table
    assert not [each for each in attention.notices(champions) if "earlier version" in each.what]
    stale = about(attention.notices(champions.assign(data_hash="old.dir").head(1)), "earlier version of the dataset")
    task = champions["task"].iloc[0]
    assert f"register@{task}" in stale.step
    assert stale.place == {"registry-task": task}


@pytest.mark.usefixtures("project")
def test_test_images_that_are_worn_out(monkeypatch: pytest.MonkeyPatch) -> None:
    champions = tracking.champions().table.head(1)

    def decided(looks: list[float]) -> None:
        monkeypatch.setattr(tracking, "decisions", lambda task: tracking.Found(pd.DataFrame({"look": looks})))

    decided([10.0, 9.0])
    assert not [each for each in attention.notices(champions) if "same test images" in each.what]
    decided([11.0, 10.0])
    assert "`gate: 0.15`" in about(attention.notices(champions), "11 decisions").step


@pytest.mark.usefixtures("empty")
def test_nothing_needs_attention_where_nothing_is() -> None:
    assert attention.notices(NONE) == []
