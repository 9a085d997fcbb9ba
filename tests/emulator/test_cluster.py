"""Who gets the cluster's nodes."""

import os
from threading import Event, Thread
from typing import override

import pytest

from emulator.cluster import Cluster


class Watched(Event):
    """An event that tells when it was first asked for, which is by who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = Event()

    @override
    def is_set(self) -> bool:
        self.asked.set()
        return super().is_set()


def test_nodes_go_to_who_has_waited_longest() -> None:
    cluster = Cluster(2)
    order: list[int] = []

    def take(number: int, count: int, stopped: Event) -> None:
        with cluster.nodes(count, stopped):
            order.append(number)

    threads: list[Thread] = []
    with cluster.nodes(1, Event()):
        for number, count in enumerate((2, 1, 2, 1)):
            stopped = Watched()
            threads.append(Thread(target=take, args=(number, count, stopped)))
            threads[-1].start()
            assert stopped.asked.wait(10)
    for thread in threads:
        thread.join(10)
    assert order == [0, 1, 2, 3]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core")
def test_nodes_have_as_many_cores_each_and_to_themselves() -> None:
    cluster = Cluster(2)
    with cluster.nodes(1, Event()) as first, cluster.nodes(1, Event()) as second:
        assert len(first) == len(second) == len(os.sched_getaffinity(0)) // 2
        assert not first & second
    with cluster.nodes(2, Event()) as both:
        assert both == first | second


def test_more_nodes_than_cores_share_them() -> None:
    cores = os.sched_getaffinity(0)
    cluster = Cluster(len(cores) + 1)
    with cluster.nodes(len(cores), Event()) as all_of_them, cluster.nodes(1, Event()) as shared:
        assert (all_of_them, len(shared)) == (cores, 1)
