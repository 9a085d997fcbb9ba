"""What becomes of a job when everything that it stands on breaks, at each of its moments.

    make chaos SEEDS=50

A seed is a schedule: a clip, and two strikes, each a fault at a moment of the job. A proxy between
the services knows the moments by the requests that belong to them, so that a schedule means the
same each time. After each the oracle looks whether the job ended as it must: docs/reliability.md.
"""
