"""Types of the part of OpenCV 5.0 that this project uses; its own know no number formats."""

import numpy as np
from numpy.typing import NDArray

BORDER_CONSTANT: int
BORDER_REPLICATE: int
COLOR_RGB2GRAY: int
DISOPTICAL_FLOW_PRESET_MEDIUM: int
INTER_AREA: int
INTER_LINEAR: int

class DISOpticalFlow:
    @staticmethod
    def create(preset: int) -> DISOpticalFlow: ...
    def calc(
        self, I0: NDArray[np.uint8], I1: NDArray[np.uint8], flow: None
    ) -> NDArray[np.float32]: ...

def setNumThreads(nthreads: int) -> None: ...
def accumulateProduct(
    src1: NDArray[np.float32], src2: NDArray[np.float32], dst: NDArray[np.float32]
) -> NDArray[np.float32]: ...
def blur(src: NDArray[np.float32], ksize: tuple[int, int]) -> NDArray[np.float32]: ...
def cvtColor[Number: np.generic](src: NDArray[Number], code: int) -> NDArray[Number]: ...
def resize[Number: np.generic](
    src: NDArray[Number], dsize: tuple[int, int], *, interpolation: int
) -> NDArray[Number]: ...
def remap[Number: np.generic](
    src: NDArray[Number],
    map1: NDArray[np.float32],
    map2: NDArray[np.float32] | None,
    interpolation: int,
    *,
    borderMode: int = ...,
    borderValue: float = ...,
) -> NDArray[Number]: ...
