"""The one command that measures all on a machine with a GPU: here on the CPU, at toy size."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_worker.networks import winograd
from tests.benchmarks.commands import kept, run

SIZE = "64x48"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("results")
    toy = ("--size", SIZE, "--seconds", "0.4", "--batch", "2", "--ranks", "1", "--no-compile")
    run("gpu", *toy, "--results", folder)
    return kept(folder, "gpu")


def test_it_says_what_the_machine_can_do_at_most(result: dict[str, Any]) -> None:
    ceilings = result["ceilings"]
    assert ceilings["number_format"] in {"float32", "bfloat16", "float16"}
    assert ceilings["matmul_gflops"] > 0
    assert ceilings["copy_gigabytes_per_second"] > 0


def test_it_sets_what_networks_do_against_products_of_matrices(result: dict[str, Any]) -> None:
    assert (result["network"]["size"], result["network"]["batch"]) == (SIZE, 2)
    rows = result["network"]["rows"]
    # By kernels added up beforehand; where it pays, by Winograd's filtering too.
    added_up = 0.58 if winograd.pays(torch.device("cpu")) else 0.91
    assert {row["network"] for row in rows} == {"TransformerNet 32x5", "scream"}
    fast = f"{result['ceilings']['number_format']}, as it stands"
    assert {"float32, as it stands", fast} == {row["way"] for row in rows}
    for row in rows:
        fewer = row["executed_share"] / row["share"]
        expected = added_up if row["network"] == "TransformerNet 32x5" else 1
        assert fewer == pytest.approx(expected, abs=0.05)


def test_it_says_where_the_time_goes(result: dict[str, Any]) -> None:
    operations = result["operations"]
    times = [operation["milliseconds"] for operation in operations]
    assert times == sorted(times, reverse=True)
    assert sum(operation["share"] for operation in operations) == pytest.approx(1, abs=0.1)
    assert any("convolution" in operation["operation"] for operation in operations)


def test_it_goes_the_whole_way_beside_the_reference(result: dict[str, Any]) -> None:
    whole = result["end_to_end"]
    ways = [run["way"] for run in whole["runs"]]
    assert ways[:3] == ["baseline, TransformerNet", "worker, TransformerNet", "worker, scream"]
    assert {run["frames"] for run in whole["runs"]} == {10}
    baseline, worker = (run["frames_per_second"] for run in whole["runs"][:2])
    assert whole["times_the_baseline"] == pytest.approx(worker / baseline, rel=0.1)
    assert whole["times_of_all_rounds"] == [whole["times_the_baseline"]]


def test_it_names_the_slowest_stage(result: dict[str, Any]) -> None:
    rates = result["rates_frames_per_second"]
    assert rates.keys() == {"network", "copy", "decode", "encode"}
    assert result["bound_by"] == min(rates, key=rates.get)
    styled = [row for row in result["network"]["rows"] if row["network"] == "scream"]
    fastest = min(row["milliseconds"] for row in styled)
    assert rates["network"] == pytest.approx(1000 / fastest, rel=0.01)
