"""Stages of a pipeline that work at the same time, each in a thread of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

_END: Final = object()


def prefetch[T](items: Generator[T], depth: int) -> Generator[T]:
    """Run `items` in a thread of its own, up to `depth` items ahead of whoever takes them.

    The items keep their order. An exception that `items` raises is raised here, after the items
    that came before it. Closing this generator closes `items`, once the item in the making is
    made; whoever may leave early does so with `contextlib.closing`.
    """
    thread = ThreadPoolExecutor(max_workers=1)
    ahead = deque(thread.submit(next, items, _END) for _ in range(depth))
    try:
        while (item := ahead.popleft().result()) is not _END:
            ahead.append(thread.submit(next, items, _END))
            yield item  # pyright: ignore[reportReturnType]
    finally:
        thread.shutdown(cancel_futures=True)
        items.close()
