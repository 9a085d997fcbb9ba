"""What is kept of a style that is half learnt, so that a killed run can go on."""

import io
import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from gpu_worker.errors import InputError
from gpu_worker.files import Kept
from gpu_worker.learning.learner import Learner, Lesson
from gpu_worker.networks.architectures import Architecture


class State:
    """The file beside a style in learning: `<style>.state`."""

    def __init__(self, style: Path, lesson: Lesson, architecture: Architecture) -> None:
        """Name the file, and tell this lesson from any other."""
        self._kept = Kept(style.with_name(style.name + ".state"))
        self._name = style.name + ".state"
        self._lesson = _fingerprint(lesson, architecture)

    def restore(self, learner: Learner) -> float:
        """Bring a new learner to where the last run was killed; return the minutes it had worked.

        Raises:
            InputError: the file is damaged, or of another lesson.
        """
        content = self._kept.read()
        if content is None:
            return 0.0
        state = self._loaded(content)
        if state.get("lesson") != self._lesson:
            raise InputError(
                f"{self._name} was left by a run with other pictures or options; "
                "repeat its command to go on, or delete the file to start anew."
            )
        learner.load_state_dict(state["learner"])
        return float(state["minutes"])

    def keep(self, learner: Learner, minutes: float) -> None:
        """Write the file; a kill leaves the old one or the new one, never a part."""
        state = {"lesson": self._lesson, "minutes": minutes, "learner": learner.state_dict()}
        buffer = io.BytesIO()
        torch.save(state, buffer)
        self._kept.write(buffer.getvalue())

    def forget(self) -> None:
        """Delete the file, once the style is learnt."""
        self._kept.forget()

    def _loaded(self, content: bytes) -> Mapping[str, Any]:
        try:
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
            raise InputError(f"{self._name} is damaged; delete it to start anew.") from error


def _fingerprint(lesson: Lesson, architecture: Architecture) -> str:
    """Tell lessons apart, but not by their budget: a longer one may go on from a shorter."""
    recipe = replace(lesson.recipe, steps=0, minutes=0)
    digest = sha256(json.dumps([asdict(recipe), asdict(architecture)]).encode())
    for picture in (lesson.painting, *lesson.content.pictures):
        digest.update(picture.numpy().tobytes())
    return digest.hexdigest()
