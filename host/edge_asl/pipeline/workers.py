"""``edge-asl build`` on several machines: what the chief and the other workers do differently.

Every worker is started with the same command. Each reads the data and decodes the pictures for itself; all train
together; the chief alone goes on to quantize, measure and write the bundle. The others keep what they need in working
folders of their own, so that several may use one file system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_asl.errors import TrainingError
from edge_asl.pipeline.context import BuildRequest, open_context
from edge_asl.pipeline.square_models import decode, training_digest, training_job
from edge_asl.progress import Progress
from edge_asl.workstation.cluster import VARIABLE

if TYPE_CHECKING:  # TensorFlow comes with it
    from edge_asl.training.spread import Spread


def join_workers(request: BuildRequest, progress: Progress) -> Spread | None:
    """Find the other workers; None if there are none.

    Raises:
        TrainingError: the request is not for several workers.
    """
    if request.cluster is None:
        return None
    if request.recipe.reads == "hand":
        raise TrainingError(
            f"{request.recipe_name}: its network is small and trains on one worker in seconds; unset {VARIABLE}"
        )
    if request.leave_one_out:
        raise TrainingError(f"--leave-one-out: one worker does it; unset {VARIABLE}")
    from edge_asl.training.spread import join

    return join(request.cluster, progress)


def take_part(request: BuildRequest, progress: Progress) -> str:
    """Train as one of the workers that are not the chief; returns what to tell the user.

    Raises:
        EdgeAslError: anything a user can fix, a lost worker included.
    """
    assert request.cluster is not None  # noqa: S101 - for the type checker
    spread = join_workers(request, progress)
    assert spread is not None  # noqa: S101 - likewise
    from edge_asl.training.fit import train
    from edge_asl.training.spread import agree

    own = request.out.with_name(f"{request.out.name}.worker{request.cluster.number}")
    context = open_context(request._replace(out=own), progress)
    decode(context)
    digest = training_digest(context)
    if agree(spread, digest, 0):
        return f"{request.cluster.name}: the chief has trained this network before; nothing to do"
    with context.pixel_store() as pixels:
        train(training_job(context, digest, pixels), progress, spread)
    return f"{request.cluster.name}: done; the chief writes the bundle"
