"""The networks keep size, range, and the independence of frames."""

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.baseline import plain
from gpu_worker.networks.architectures import Architecture, Network, StyleNet, build, flop_per_pixel
from tests.gpu_worker.small import SMALL, SMALL_TRANSFORMER, paint, seeded

SIDES = st.integers(16, 45)


@settings(max_examples=12)
@given(height=SIDES, width=SIDES, frames=st.integers(1, 3))
@pytest.mark.parametrize("architecture", [SMALL, SMALL_TRANSFORMER, Architecture("Identity")])
def test_any_size_keeps_its_shape_and_range(
    architecture: Architecture, height: int, width: int, frames: int
) -> None:
    painted = paint(seeded(architecture), torch.rand(frames, 3, height, width))
    assert painted.shape == (frames, 3, height, width)
    assert painted.dtype == torch.float32
    assert 0 <= painted.min() <= painted.max() <= 1


@pytest.mark.parametrize("architecture", [SMALL, SMALL_TRANSFORMER])
def test_a_frame_does_not_depend_on_its_batch(architecture: Architecture) -> None:
    network, frames = seeded(architecture), torch.rand(3, 3, 40, 52)
    alone = torch.cat([paint(network, frame[None]) for frame in frames])
    torch.testing.assert_close(paint(network, frames), alone, rtol=0, atol=1e-5)


def test_before_it_learns_style_net_evens_texture_out_and_keeps_edges() -> None:
    step = (torch.arange(64) < 32).float().expand(1, 3, 64, 64)
    frame = 0.2 + 0.5 * step + 0.03 * torch.randn(1, 3, 64, 64)
    painted = paint(build(SMALL).eval(), frame.clamp(0, 1))
    assert painted[..., 8:24].std() < 0.5 * frame[..., 8:24].std()
    assert painted[..., :31].mean() - painted[..., 33:].mean() > 0.48
    assert (painted[..., 31] - painted[..., 32]).mean() > 0.4


def test_style_net_does_not_pump() -> None:
    """Blacking out one side changes nothing that lies beyond the receptive field."""
    network, frame = seeded(SMALL), torch.rand(1, 3, 32, 768)
    blacked = frame.clone()
    blacked[..., :64] = 0
    difference = (paint(network, frame) - paint(network, blacked)).abs()
    assert difference[..., :64].max() > 0.01
    assert difference[..., 64:96].max() > 1e-4
    assert difference[..., 512:].max() < 1e-6


@pytest.mark.parametrize(
    ("moved", "size", "along"), [((16, 0), (1024, 96), 2), ((0, 40), (96, 1024), 3)]
)
def test_style_net_follows_a_shift_of_frame_and_canvas(
    moved: tuple[int, int], size: tuple[int, int], along: int
) -> None:
    network, frame = styled(), torch.rand(1, 3, *size)
    with torch.inference_mode():
        here = network.change(frame, [(32, 64)])
        shifted = network.change(
            frame.roll(moved, (-2, -1)), [(32 - moved[0] // 2, 64 - moved[1] // 2)]
        )
    middle, expected = (
        change.narrow(along, 496, 32) for change in (shifted, here.roll(moved, (-2, -1)))
    )
    torch.testing.assert_close(middle, expected, rtol=0, atol=1e-5)


def test_style_net_paints_a_clear_sky_unevenly_and_the_same_in_each_frame() -> None:
    sky = torch.full((2, 3, 96, 96), 0.6)
    with torch.inference_mode():
        change = styled().change(sky)
    assert change[..., 32:-32, 32:-32].std() > 1e-3
    assert torch.equal(change[0], change[1])


def test_of_less_canvas_less_is_painted_where_a_frame_is_flat() -> None:
    network, sky = styled(), torch.full((1, 3, 64, 64), 0.6)

    def strength() -> Tensor:
        return network.change(sky)[..., 16:-16, 16:-16].std((2, 3))

    with torch.inference_mode():
        before = strength()
        network.take_less_canvas(0.5, thin=1.0)
        less = strength()
        network.take_less_canvas(1.0, thin=0.0)
        thick = strength()
        network.take_less_canvas(0.0, thin=1.0)
        none = strength()
    assert (less < 0.8 * before).all()
    assert (thick < less).all()
    assert (none < thick).all()
    assert (none < 1e-4).all()


def test_style_net_leaves_no_grid_of_two_pixels() -> None:
    network = styled()
    nn.init.normal_(network.leave.bias)
    with torch.inference_mode():
        change = network.change(torch.full((1, 3, 64, 64), 0.6))
    signs = torch.tensor([1.0, -1.0]).repeat(16)
    middle = change[..., 16:-16, 16:-16]
    for grid in (signs[:, None], signs[None], signs[:, None] * signs):
        assert (middle * grid).mean().abs() < 1e-3 * middle.abs().mean()


def test_style_net_draws_no_line_along_the_edges_of_a_frame() -> None:
    network = build(SMALL)
    assert isinstance(network, StyleNet)
    nn.init.normal_(network.leave.bias)
    with torch.inference_mode():
        change = network.change(torch.full((1, 3, 64, 48), 0.6))
    torch.testing.assert_close(change, change.mean((2, 3), keepdim=True).expand_as(change))


def test_strokes_grow_with_the_frame() -> None:
    """A larger frame gets the change of the frame at the painted size, raised."""
    network = styled()
    small = F.avg_pool2d(torch.rand(1, 3, 18, 24), 3, 1, 1)
    height, width = (StyleNet.SIDE, StyleNet.SIDE * 4 // 3)
    frame = F.interpolate(small, (height, width), mode="bicubic").clamp(0, 1)
    larger = F.interpolate(frame, scale_factor=2, mode="bilinear")
    with torch.inference_mode():
        raised = F.interpolate(network.change(frame), scale_factor=2, mode="bilinear")
        difference = network.change(larger) - raised
    assert difference.abs().mean() < 0.05 * raised.abs().mean()


def test_large_strokes_are_crisp_and_have_no_halos() -> None:
    network, side = styled(), StyleNet.SIDE
    with torch.inference_mode():
        small, larger = (
            network.change(torch.full((1, 3, times * side, times * side), 0.6)) for times in (1, 3)
        )
    soft = F.interpolate(small, scale_factor=3, mode="bicubic")
    assert larger.diff().abs().mean() > 1.1 * soft.diff().abs().mean()
    halo = 0.01 * (small.amax() - small.amin())
    assert small.amin() - halo < larger.amin()
    assert larger.amax() < small.amax() + halo


def styled() -> StyleNet:
    network = seeded(SMALL)
    assert isinstance(network, StyleNet)
    return network


def test_style_net_paints_in_bfloat16() -> None:
    network, frame = seeded(SMALL), torch.rand(1, 3, 33, 47)
    exact = paint(network, frame)
    rounded = paint(network.to(torch.bfloat16), frame.to(torch.bfloat16))
    torch.testing.assert_close(rounded.float(), exact, rtol=0, atol=0.05)


def test_identity_returns_its_input() -> None:
    frame = torch.rand(2, 3, 17, 19)
    assert torch.equal(paint(seeded(Architecture("Identity")), frame), frame)


def test_cost_grows_with_the_network() -> None:
    costs = [flop_per_pixel(seeded(Architecture("StyleNet", 8, blocks))) for blocks in (1, 2, 3)]
    painted = (StyleNet.SIDE / 360) ** 2
    blocks = 2 * 2 * 9 * (16 * 16 / 16 + 24 * 24 / 64)
    assert costs[1] - costs[0] == pytest.approx(painted * blocks)
    assert costs[2] - costs[1] == pytest.approx(painted * blocks)
    assert flop_per_pixel(seeded(Architecture("Identity"))) == 0


def test_a_pytorch_examples_checkpoint_has_the_known_names_and_shapes() -> None:
    state = seeded(Architecture("TransformerNet", 32, 5)).state_dict()
    assert sum(weight.numel() for weight in state.values()) == 1_679_235
    assert state["conv1.conv2d.weight"].shape == (32, 3, 9, 9)
    assert state["res5.conv2.conv2d.weight"].shape == (128, 128, 3, 3)
    assert state["deconv1.conv2d.weight"].shape == (64, 128, 3, 3)
    assert state["in5.bias"].shape == (32,)


def test_a_pytorch_examples_network_answers_in_0_to_255() -> None:
    network = seeded(SMALL_TRANSFORMER)
    network.get_submodule("deconv3").load_state_dict(
        {"conv2d.weight": torch.zeros(3, 4, 9, 9), "conv2d.bias": torch.tensor([51.0, 300, -5])}
    )
    colour = paint(network, torch.rand(1, 3, 16, 16))[0, :, 0, 0]
    torch.testing.assert_close(colour, torch.tensor([0.2, 1, 0]))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.04)], ids=str
)
@pytest.mark.parametrize("size", [(16, 20), (37, 50)])
def test_transformer_net_paints_what_its_plain_form_paints(
    dtype: torch.dtype, tolerance: float, size: tuple[int, int]
) -> None:
    network, rgb = vivid(SMALL_TRANSFORMER), torch.rand(2, 3, *size)
    expected = plainly(network.state_dict(), rgb)
    assert expected.std() > 0.1
    painted = paint(network.to(dtype), rgb.to(dtype)).float()
    difference = painted - expected
    assert difference.square().mean().sqrt() < tolerance
    assert difference.abs().max() < 8 * tolerance


def vivid(architecture: Architecture) -> Network:
    """A network that paints all of [0, 1], so that a difference shows."""
    network = seeded(architecture)
    last = network.get_submodule("deconv3.conv2d")
    state = last.state_dict()
    last.load_state_dict({"weight": 100 * state["weight"], "bias": state["bias"] + 128})
    return network


def plainly(weights: Mapping[str, Tensor], rgb: Tensor) -> Tensor:
    height, width = rgb.shape[-2:]
    whole = F.pad(rgb, (0, -width % 4, 0, -height % 4), mode="replicate")
    return plain(weights, whole)[..., :height, :width]
