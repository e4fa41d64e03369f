"""The search: its logic with trainings that only pretend, and one of each kind for real."""

import fcntl
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
import yaml

from spotimes.blocks import Architecture, Block
from spotimes.errors import InputError
from spotimes.params.load import load_group
from spotimes.params.network import Network
from spotimes.params.search import Search
from spotimes.params.train import Train
from spotimes.params.versions import Versions
from spotimes.search import __main__ as search
from spotimes.search.objective import Objective
from spotimes.search.space import described
from spotimes.system import host
from tests.pretended_search import measure, pretend
from tests.project import ROOT
from tests.repository import link_data
from tests.searches import COMMITTED, LIMITS, SPACE, write_params, write_reference

OneLine = Callable[[str, Callable[[], None]], str]
pytestmark = pytest.mark.usefixtures("reseed")


@pytest.fixture
def repository(repository: Path, int8: bytes) -> Path:
    """With params, data and a model to compare with."""
    write_reference(int8)
    write_params()
    return repository


def recorded() -> pd.DataFrame:
    return pd.read_csv("metrics/search.csv")


@pytest.fixture
def pretended(repository: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trainings whose accuracy depends on the first block alone; which were begun.

    Neither the picture nor Keras, which takes as long as all else, is part of them.
    """
    begun: list[str] = []

    pretend(monkeypatch, lambda network: begun.append(described(network.blocks)))
    return begun


def test_what_is_over_a_limit_is_recorded_and_not_trained(pretended: list[str]) -> None:
    write_params(trials=20, proposals=30, limits=dict.fromkeys(LIMITS) | {"bytes": 8000})
    search.main()
    table = recorded()
    over = table[table["outcome"] == "over a limit"]
    assert len(over) and (over["bytes"] > 8000).all()
    trained = table[table["outcome"] != "over a limit"]
    assert len(trained) and (trained["bytes"] <= 8000).all()
    assert sorted(pretended) == sorted(trained["architecture"])


def test_no_architecture_is_trained_or_recorded_twice(pretended: list[str]) -> None:
    write_params(trials=40, proposals=40, limits=dict.fromkeys(LIMITS))
    search.main()
    assert len(pretended) == len(set(pretended)) < 40
    assert sorted(recorded()["architecture"]) == sorted(pretended)


def test_the_worse_half_is_pruned(pretended: list[str]) -> None:
    write_params(trials=12, limits=dict.fromkeys(LIMITS))
    search.main()
    table = recorded()
    assert len(table) == 12
    pruned, trained = table[table["outcome"] == "pruned"], table[table["outcome"] == "trained"]
    assert set(trained["epochs"]) == {3}
    assert len(trained) >= 2
    assert len(pruned) and set(pruned["epochs"]) <= {1, 2}
    assert pruned["val_accuracy"].max() < trained["val_accuracy"].max()


def test_it_prints_the_front_and_the_best_as_params_have_it(
    pretended: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(trials=8)
    search.main()
    printed = capsys.readouterr().out
    table = recorded()
    trained = table[table["outcome"] == "trained"].sort_values(["val_accuracy", "bytes"])
    best = trained[trained["val_accuracy"] == trained["val_accuracy"].max()].iloc[0]
    document = yaml.safe_load("network:\n" + printed[printed.index("  blocks:") :])
    blocks = [Block.model_validate(each) for each in document["network"]["blocks"]]
    assert described(blocks) == best["architecture"]
    assert f"trial {best['trial']}: {best['architecture']}: {best['bytes']:,} bytes" in printed
    assert Path("metrics/search.png").read_text() == f"{len(table)}"


def test_it_begins_with_the_network_of_params(pretended: list[str]) -> None:
    blocks = [{"kind": "conv", "channels": 6, "stride": 2}] + [
        {"kind": "separable", "channels": 12, "stride": stride} for stride in (2, 1)
    ]
    write_params(trials=2, network=COMMITTED["network"] | {"blocks": blocks})
    search.main()
    assert pretended[0] == "conv 6/2, separable 12/2, separable 12"
    assert recorded()["architecture"][0] == pretended[0]
    write_params(trials=3, network=COMMITTED["network"] | {"blocks": blocks})
    search.main()
    assert len(pretended) == 3  # it went on
    blocks[0]["channels"] = 4
    write_params(trials=1, network=COMMITTED["network"] | {"blocks": blocks})
    search.main()
    assert pretended[3:] == ["conv 4/2, separable 12/2, separable 12"]


def test_it_says_that_the_network_of_params_is_over_a_limit(
    pretended: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = [{"kind": "conv", "channels": 6, "stride": 2}] + [
        {"kind": "separable", "channels": 12, "stride": stride} for stride in (2, 1)
    ]
    limits = dict.fromkeys(LIMITS) | {"bytes": 10}
    write_params(
        trials=1, proposals=2, limits=limits, network=COMMITTED["network"] | {"blocks": blocks}
    )
    with pytest.raises(InputError, match="no architecture was trained to the end"):
        search.main()
    assert not pretended
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "network.blocks: over search.limits (bytes), not trained"
    assert "\n".join(printed).count("network.blocks") == 1


def test_started_again_it_resumes_and_with_another_seed_begins_anew(pretended: list[str]) -> None:
    write_params(trials=2)
    search.main()
    first = recorded()
    Path("metrics/search.csv").unlink()
    search.main()  # enough were trained already
    assert len(pretended) == 2
    pd.testing.assert_frame_equal(recorded(), first)
    write_params(trials=4)
    search.main()
    assert len(pretended) == 4
    pd.testing.assert_frame_equal(recorded()[: len(first)], first)
    write_params(trials=2, seed=2**32 - 1)
    search.main()
    assert len(pretended) == 6


def test_on_another_machine_it_goes_on_and_the_record_says_so(
    pretended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(trials=2)
    search.main()
    first = recorded()
    here = host.describe()
    monkeypatch.setattr(host, "describe", lambda: {**here, "family": "another"})
    write_params(trials=4)
    search.main()
    pd.testing.assert_frame_equal(recorded()[: len(first)], first)
    machines = recorded()["machine"]
    assert machines.nunique() == 2 and machines.iloc[-1].startswith("another; ")


def test_a_latency_of_another_machine_is_measured_anew(pretended: list[str]) -> None:
    objective = Objective(
        load_group("search", Search),
        load_group("train", Train),
        load_group("network", Network),
        load_group("versions", Versions),
        folder=Path(),
    )
    block = Block(kind="conv", channels=4, stride=2)
    cost = {**measure(Architecture([block], 48))._asdict(), "machine": objective.machine}
    for machine, kept in ((objective.machine, True), ("another", False)):
        known = cost | {"machine": machine, "latency_ratio": 7.0}
        trial = optuna.create_study().ask()
        trial.set_user_attr("cost", known)
        objective(trial, [block])
        assert trial.user_attrs["cost"] == (known if kept else cost)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": "gone.tflite"}, "search.reference: gone.tflite: no such file"),
        (
            {
                "network": COMMITTED["network"]
                | {"backbone": {"card": "none.yaml", "keep": 2, "widths": []}}
            },
            "network.backbone.keep: 2 is not allowed here: the search trains from scratch; use 0",
        ),
        ({"space": []}, "search.space: [] is not allowed"),
        ({"space": SPACE * 4}, "search.space: the strides of its rows together bring 32x32"),
        ({"limits": {"bytes": 1} | dict.fromkeys(LIMITS[1:])}, "no architecture was"),
    ],
)
def test_a_fault_gives_one_line(
    pretended: list[str], one_line: OneLine, changes: dict[str, Any], message: str
) -> None:
    write_params(**changes, proposals=10)
    assert message in one_line("search", search.main)
    assert pretended == []


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")  # Optuna's own
def test_a_damaged_database_is_reported(pretended: list[str], one_line: OneLine) -> None:
    Path(".search").mkdir()
    Path(".search/study.db").write_text("no database" * 100)
    Path("metrics/search.csv").write_text("an earlier one\n")
    line = one_line("search", search.main)
    assert line.startswith(".search/study.db: cannot be used (")
    assert line.endswith("; remove .search to begin anew")
    assert Path("metrics/search.csv").read_text() == "an earlier one\n"
    gc.collect()


def test_a_second_search_beside_the_first_is_refused(
    pretended: list[str], one_line: OneLine
) -> None:
    Path(".search").mkdir()
    with Path(".search/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another search is under way" in one_line("search", search.main)
    assert pretended == []


BRIEF: dict[str, Any] = {"trials": 2, "epochs": 2}


def deterministic(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=["trial", "latency_ratio"])


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, prepared: Path, int8: bytes
) -> Iterator[pd.DataFrame]:
    """What a search that nothing disturbed finds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("whole"))
        link_data(prepared)
        write_reference(int8)
        write_params(**BRIEF)
        assert run(["-m", "spotimes.search"]) == 0
        table = deterministic(recorded())
        assert Path("metrics/search.png").stat().st_size > 5000
    assert (table["epochs"][table["outcome"] != "over a limit"] == 2).sum() == 2
    yield table


def run(arguments: list[str]) -> int:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], env=environment, check=False).returncode


# In the second training; after its last epoch; and before the first epoch is reported. Each trains
# anew, for half a minute.
@pytest.mark.parametrize(
    ("epochs", "where"),
    [
        (3, "after"),
        pytest.param(4, "after", marks=pytest.mark.proof),
        pytest.param(1, "before", marks=pytest.mark.proof),
    ],
)
def test_killed_and_resumed_it_finds_what_it_would_have(
    repository: Path, whole: pd.DataFrame, epochs: int, where: str
) -> None:
    write_params(**BRIEF)
    assert run(["-m", "tests.programs.killed_search", str(epochs), where]) == -signal.SIGKILL
    assert run(["-m", "spotimes.search"]) == 0
    pd.testing.assert_frame_equal(deterministic(recorded()), whole)
    assert not Path(".search/train.npz").exists()
