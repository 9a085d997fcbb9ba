"""The simulation of a mix: each way ends every job, and what must hold of each does."""

from dataclasses import replace

import pytest

from benchmarks.mix import WAYS, Job, Scene, draw, outcomes

TOY = Scene(jobs=120, nodes=10, most=8)


@pytest.mark.parametrize("way", WAYS)
def test_every_job_is_painted_once_and_whole(way: str):
    jobs, cluster = draw(TOY, 0), WAYS[way](TOY)
    cluster.run(jobs)
    assert cluster.free == TOY.nodes
    assert all(job.at <= job.began <= job.ended and job.left == 0 for job in jobs)
    assert cluster.node_seconds >= sum(job.work for job in jobs)
    assert all(job.ended - job.began >= 0.999 * job.work / job.most for job in jobs)


def test_without_changes_nothing_is_painted_twice():
    jobs, cluster = draw(TOY, 0), WAYS["first in first out"](replace(TOY, idle_s=0))
    cluster.run(jobs)
    starts = sum(TOY.come_s * job.most for job in jobs)
    assert cluster.node_seconds <= sum(job.work for job in jobs) + starts + 1e-6


def test_the_same_seed_gives_the_same_jobs_and_the_same_end():
    assert outcomes(TOY, (3,)) == outcomes(TOY, (3,))
    assert [job.at for job in draw(TOY, 1)] != [job.at for job in draw(TOY, 2)]


def test_the_load_is_what_was_asked_for():
    scene = Scene(jobs=4000)
    jobs = draw(scene, 0)
    spent = sum(job.work + scene.start_s * job.most for job in jobs)
    assert spent / (jobs[-1].at * scene.nodes) == pytest.approx(scene.load, rel=0.1)


def test_a_clip_waits_for_a_film_but_where_that_gives_way():
    scene = replace(TOY, nodes=2, most=2)
    waits = {way: _wait_of_a_clip(scene, way) for way in WAYS}
    assert waits["clips first"] < 5 * scene.poll_s < waits["first in first out"]
    assert waits["shortest first"] == waits["first in first out"]


def _wait_of_a_clip(scene: Scene, way: str) -> float:
    film = Job("a", 0.0, 3600.0, 5000.0, 2, 5000.0, 5000.0)
    clip = Job("b", 600.0, 10.0, 10.0, 1, 10.0, 10.0, since=600.0)
    WAYS[way](scene).run([film, clip])
    return clip.began - clip.at


def test_a_film_that_gave_way_gets_its_nodes_back_and_loses_little():
    scene = replace(TOY, nodes=2, most=2)
    film = Job("a", 0.0, 3600.0, 5000.0, 2, 5000.0, 5000.0)
    clip = Job("b", 600.0, 10.0, 10.0, 1, 10.0, 10.0, since=600.0)
    cluster = WAYS["clips first"](scene)
    cluster.run([film, clip])
    assert (film.gave_way, cluster.changes, film.nodes) == (1, 2, 2)
    assert film.ended < scene.come_s + film.work / 2 + 6 * scene.restart_s
