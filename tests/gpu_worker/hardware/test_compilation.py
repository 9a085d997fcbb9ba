"""Compilation: chosen with a reason, painting the same, and never a reason to fail."""

import logging
import shutil

import pytest
import torch

from gpu_worker.frames.colour import Coding
from gpu_worker.hardware.compilation import Compilation, compiled
from gpu_worker.networks.architectures import Architecture, build
from gpu_worker.plan import Blend
from gpu_worker.ranks.paint import Graph
from tests.gpu_worker.plans import PICTURE
from tests.gpu_worker.small import SMALL, SMALL_TRANSFORMER, seeded

CODING = Coding.of(PICTURE)
PLANES = torch.randint(0, 256, (1, 72, 64), dtype=torch.uint8)

# torch says so of every compilation on a machine without a GPU or with Python 3.13.0.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:torch", "ignore::UserWarning:torch")


@pytest.mark.parametrize("asked", [True, False])
def test_it_is_done_as_asked(asked: bool):
    choice = Compilation.choose(torch.device("cpu"), asked)
    assert (choice.wanted, choice.reason) == (asked, "as asked for")


@pytest.mark.parametrize(("device", "wanted"), [("cpu", False), ("cuda", True)])
def test_otherwise_the_device_decides(device: str, wanted: bool):
    choice = Compilation.choose(torch.device(device))
    assert choice.wanted is wanted
    assert choice.reason in str(choice)


@pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler")
def test_a_compiled_graph_paints_what_the_graph_paints(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Of the conversion to RGB and back alone: each of a network's kernels takes two seconds."""
    monkeypatch.setattr("torch._inductor.config.compile_threads", 1)
    caplog.set_level(logging.INFO)
    torch.compiler.reset()
    graph = Graph(build(Architecture("Identity")), CODING, Blend(0.5))
    with torch.inference_mode():
        expected = graph(PLANES).float()
        painted = compiled(graph, PLANES)(PLANES).float()
    assert "compiled in" in caplog.text
    assert (painted - expected).abs().max() <= 1


@pytest.mark.parametrize("architecture", [SMALL, SMALL_TRANSFORMER], ids=lambda each: each.name)
def test_what_the_compiler_makes_of_a_network_paints_the_same(architecture: Architecture):
    """In bfloat16 against float32 as it stands: less than two codes of 255 root mean square."""
    torch.compiler.reset()
    with torch.inference_mode():
        expected = Graph(seeded(architecture), CODING, Blend())(PLANES).float()
        graph = Graph(seeded(architecture).to(torch.bfloat16), CODING, Blend())
        traced = torch.compile(graph, backend="aot_eager", dynamic=False)
        painted = traced(PLANES).float()
    assert (painted - expected).square().mean().sqrt() < 2


def test_without_a_compiler_the_graph_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    monkeypatch.setattr("torch._inductor.config.force_disable_caches", True)
    torch.compiler.reset()
    graph = Graph(seeded(SMALL), CODING, Blend())
    assert compiled(graph, PLANES) is graph
    assert "does not compile" in caplog.text
