"""A bundle of a recipe's network before any training, in int8: as quick as the trained one, and as large."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_asl.datasets.pixel_store import model_picture
from edge_asl.datasets.splits import pictures_of
from edge_asl.pipeline.bundle import write_bundle
from edge_asl.pipeline.context import BuildContext
from edge_asl.pipeline.square_models import manifest_of
from edge_asl.tflite.metadata import embed_labels
from edge_asl.training.weights import NO_WEIGHTS
from edge_asl_device.contract.manifest import MODEL
from edge_asl_device.files import write_atomically

PICTURES = 8
"""They only have to give every tensor a range; which one, costs no time."""


def write_untrained(context: BuildContext) -> Path:
    """Write the bundle that ``context.request`` would build, with random weights; gives its folder.

    Raises:
        QuantizationError: this network cannot be converted.
        TrainingError: Keras cannot build it at this size.
    """
    from edge_asl.pipeline.quantize import quantize
    from edge_asl.training.backbone import build_network, forget_networks

    request, dataset = context.request, context.dataset
    training = pictures_of(dataset, context.split, "train")
    chosen = training[:: max(1, len(training) // PICTURES)][:PICTURES]
    pixels = np.stack([model_picture(dataset.load(picture), picture, context.spec) for picture in chosen])
    forget_networks()
    network = build_network(request.recipe.model, len(dataset.labels), NO_WEIGHTS)
    description = f"untrained, {request.recipe.model.title}"
    content = embed_labels(quantize(network, pixels), dataset.labels, request.out.name, description)
    request.work.mkdir(parents=True, exist_ok=True)
    write_atomically(context.path(MODEL), content)  # the manifest describes it
    write_bundle(request.out, manifest_of(context, None), {MODEL: content})
    return request.out
