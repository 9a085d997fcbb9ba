"""What painting one video, or learning one style, may take: so much money, so much time."""

from datetime import timedelta

from function_app.errors import Code, InputError, ServiceError
from function_app.scheduling.cost import price_of
from function_app.store.jobs import State, Terms

OVERTIME = 1.25
"""How much longer than its timeout an attempt may be seen at work."""


def reached(
    state: State, terms: Terms, at_work: timedelta, doing: str
) -> InputError | ServiceError | None:
    """Return the limit that a job has reached, as what to fail by.

    Args:
        state: the job's.
        terms: that it was started on.
        at_work: how long nodes have been at work for the job.
        doing: what they do, for people.
    """
    spent, most = price_of(state.node_seconds, terms.price), terms.max_cost
    if spent is not None and most is not None and spent > most:
        return InputError(
            f"{doing} was stopped after {spent:.2f} {terms.currency}, the limit of "
            f"one job being {most:.2f}: cut the video into parts, or upload it smaller",
            Code.TOO_EXPENSIVE,
        )
    hours = at_work / timedelta(hours=1)
    if hours > terms.timeout_hours * state.attempt * OVERTIME:
        return ServiceError(
            f"{doing} was stopped after {hours:.0f} hours, for Azure Machine Learning did "
            f"not end it after {terms.timeout_hours:.0f}",
            Code.PAINTING_FAILED,
        )
    return None
