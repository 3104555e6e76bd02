"""Every refusal that the code knows has a stable code of its own and an HTTP status."""

import importlib
import pkgutil
from collections.abc import Iterator

import telemed
from telemed.api.problems import STATUS, status_of
from telemed.errors import TelemedError


def kinds(of: type[TelemedError]) -> Iterator[type[TelemedError]]:
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def every_kind() -> set[type[TelemedError]]:
    for module in pkgutil.walk_packages(telemed.__path__, "telemed."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {kind for kind in kinds(TelemedError) if kind.__module__.startswith("telemed.")}


def test_no_two_refusals_share_a_code() -> None:
    found = every_kind()
    assert len({kind.code for kind in found}) == len(found), sorted(kind.code for kind in found)


def test_every_refusal_has_a_place_in_the_table() -> None:
    without = {kind for kind in every_kind() if not any(getattr(one, "code", "") in STATUS for one in kind.__mro__)}
    assert {kind.code for kind in without} == set()
    assert all(400 <= status_of(kind("")) < 600 for kind in every_kind())


def test_the_table_has_no_code_that_nothing_raises() -> None:
    assert set(STATUS) <= {kind.code for kind in every_kind()}
