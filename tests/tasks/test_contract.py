"""Every kind of task keeps the contract."""

from __future__ import annotations

import pytest

from brightfield import tasks
from contract import ContractSuite
from kinds import KINDS


def test_every_kind_has_an_entry() -> None:
    assert set(tasks.KINDS) == set(KINDS)


class TestContract(ContractSuite):
    """The suite, over all kinds."""

    @pytest.fixture(params=KINDS)
    def kind(self, request: pytest.FixtureRequest) -> str:
        """One after the other."""
        return str(request.param)
