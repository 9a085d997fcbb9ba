"""How a file is known to be whole: a shard by the seal at its end, a JPEG by its last marker."""

import hashlib
from collections.abc import Iterable

from gpu_worker.plan.document import Plan
from gpu_worker.plan.shards import Shard

SEAL_BYTES = 8 + hashlib.sha256().digest_size
"""Length of the seal at the end of a shard's file."""
_SEAL_HEAD = SEAL_BYTES.to_bytes(4) + b"free"


def seal(plan: Plan, shard: Shard, content: Iterable[bytes]) -> bytes:
    """Return what stands at the end of a shard's file and proves all that stands before it.

    It is a box that players skip (`free` in ISO/IEC 14496-12), with a SHA-256 of the job, the
    shard's place in it and the content: neither a damaged file nor another job's or place's passes.

    Args:
        plan: of the job.
        shard: one of the plan's.
        content: of the file before the seal, in pieces.
    """
    digest = hashlib.sha256(f"{plan.job_id} [{shard.first}, {shard.last})\n".encode())
    for piece in content:
        digest.update(piece)
    return _SEAL_HEAD + digest.digest()


def may_be_seal(end: bytes) -> bool:
    """Tell the end of a shard's file, as long as a seal, from that of half a file.

    Whether the seal fits what stands before it is another question, for who reads all of that.
    """
    return len(end) == SEAL_BYTES and end.startswith(_SEAL_HEAD)


def is_whole_jpeg(content: bytes) -> bool:
    """Tell a JPEG from a part of one, which lacks the marker at its end (EOI, ITU-T T.81 B.2.1)."""
    return content.endswith(b"\xff\xd9")
