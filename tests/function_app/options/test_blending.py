"""What an uploader says about the painting is taken as it is meant, or refused in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function_app.errors import InputError
from function_app.options.blending import blend_of, metadata_of
from gpu_worker.plan import Blend


@pytest.mark.parametrize(
    ("metadata", "blend"),
    [
        ({}, Blend()),
        ({"holiday": "yes"}, Blend()),
        ({"strength": "0.5"}, Blend(0.5)),
        ({"Strength": " 0 "}, Blend(0.0)),
        ({"preserve_colour": "true"}, Blend(preserve_colour=True)),
        ({"Preserve_Colour": "1", "strength": "1"}, Blend(preserve_colour=True)),
        ({"preserve_colour": "False"}, Blend()),
    ],
)
def test_metadata_says_how_to_blend(metadata: dict[str, str], blend: Blend) -> None:
    assert blend_of(metadata) == blend


@pytest.mark.parametrize(
    ("name", "value"),
    [("strength", text) for text in ("", "much", "-0.1", "1.1", "nan", "inf", "50%")]
    + [("preserve_colour", text) for text in ("", "yes please", "2")],
)
def test_a_value_of_no_use_is_refused_and_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"{name}.*{value}.*upload the video again with one"):
        blend_of({name: value})


@given(st.builds(Blend, st.floats(0, 1), st.booleans()))
def test_what_is_said_is_what_is_read(blend: Blend) -> None:
    assert blend_of(metadata_of(blend)) == blend
