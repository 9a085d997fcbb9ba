"""What the CPU can do."""

import torch


def has(instructions: str) -> bool:
    """Whether the CPU has such instructions, by PyTorch's name; False where that does not tell."""
    # Older versions of PyTorch do not.
    able = getattr(torch.cpu, "get_capabilities", dict[str, bool])()
    return bool(able.get(instructions))
