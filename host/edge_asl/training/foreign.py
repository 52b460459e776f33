"""A network from elsewhere: loaded without running code from its file, looked at, and fitted to a bundle's input."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_asl.datasets.pixel_store import PixelStore
from edge_asl.errors import ModelError
from edge_asl.imports.found import Source
from edge_asl.imports.keras_files import check_no_code, read_config, readable_h5, rescales
from edge_asl.imports.shape import Ending, Shape
from edge_asl.training.batches import Floats, as_floats
from edge_asl.training.fit import predictor
from edge_asl.training.pixels import ALMOST_THE_INPUT, from_input, scaling, scaling_layer
from edge_asl.training.quiet import keras, tf
from edge_asl.training.rounding import corrected
from edge_asl_device.inference.silence import native_output_silenced

SMALLEST, LARGEST = 16, 1024
"""Sides of a bundle's input, in pixels."""

_BATCH = 64
# Operators of a SavedModel that reach outside it.
_REACHING_OUT = frozenset({"ReadFile", "WriteFile", "PyFunc", "PyFuncStateless", "EagerPyFunc"})


class Foreign(NamedTuple):
    """A network from elsewhere, as it was."""

    network: keras.Model
    shape: Shape


def load_foreign(source: Source, size: int | None) -> Foreign:
    """Load a model and look at what it takes and gives; ``size`` is the side of its pictures if it does not say.

    Raises:
        ModelError: it cannot be loaded, holds code, or is not a classifier of single pictures.
    """
    if source.kind == "SavedModel":
        network, scales = _load_saved_model(source.path), False
        if (batch := network.inputs[0].shape[0]) not in (None, 1):
            raise ModelError(f"{source.given}: its batch is fixed at {batch}; export it with a free batch, or with 1")
    else:
        config = read_config(source.path)
        check_no_code(source.path, config)
        network, scales = _load_keras(source), rescales(config)
    where = str(source.given)
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        found = f"{len(network.inputs)} inputs and {len(network.outputs)} outputs"
        raise ModelError(f"{where}: expected a classifier with one input and one output, found {found}")
    height, width, channels, first = _picture(tuple(network.inputs[0].shape), size, where)
    if "float" not in str(network.inputs[0].dtype):
        raise ModelError(
            f"{where}: expected an input of floats, found {network.inputs[0].dtype}; where it was "
            "made, leave the input's dtype at float32 and save it again"
        )
    outputs = tuple(network.outputs[0].shape)
    if len(outputs) != 2 or not outputs[1]:
        raise ModelError(f"{where}: expected an output of shape (batch, classes), found {outputs}; import a classifier")
    ending = _ending(network, (channels, height, width) if first else (height, width, channels), where)
    return Foreign(network, Shape(height, width, channels, first, max(2, outputs[1]), ending, scales))


def fitted(foreign: Foreign, pixels: str, pictures: NDArray[np.uint8] | None = None) -> keras.Model:
    """Float32 (batch, H, W, 3), (pixel − 128) / 128, to softmax float32 (batch, classes).

    Args:
        foreign: the network.
        pixels: how it wants its pixels scaled, of ``SCALINGS``.
        pictures: RGB uint8 (N, H, W, 3), some tens; with these the network is prepared for int8 (``corrected``), unless
            it comes from a SavedModel, whose layers cannot be told apart.
    """
    shape, whole = foreign.shape, with_softmax(foreign)
    if pictures is not None and not isinstance(_last_layer(foreign.network), keras.layers.TFSMLayer):
        whole = corrected(whole, scaled(pictures, pixels, shape.channels))
    inputs = keras.Input((shape.height, shape.width, 3), whole.inputs[0].shape[0], name="picture")
    needless = _needs_no_layer(pixels, shape.channels)
    seen = inputs if needless else scaling_layer(pixels, shape.channels)(inputs)
    return keras.Model(inputs, whole(seen, training=False), name="imported")


def scaled(pictures: NDArray[np.uint8], pixels: str, channels: int) -> Floats:
    """RGB uint8 (N, H, W, 3) to float32 (N, H, W, channels), as the layers that ``fitted`` puts in front do it."""
    seen = as_floats(pictures)
    if _needs_no_layer(pixels, channels):
        return seen
    matrix, offset = from_input(scaling(pixels, channels))
    return seen @ matrix + offset


def _needs_no_layer(pixels: str, channels: int) -> bool:
    return pixels == ALMOST_THE_INPUT and channels == 3


def with_softmax(foreign: Foreign) -> keras.Model:
    """Float32 (batch, H, W, channels), scaled as the network wants it, to softmax float32 (batch, classes).

    A sigmoid at the network's end is taken off it.
    """
    shape = foreign.shape
    # A batch that is fixed in a SavedModel's graph is 1; Keras's own models take any.
    batch = 1 if foreign.network.inputs[0].shape[0] == 1 else None
    inputs = keras.Input((shape.height, shape.width, shape.channels), batch, name="scaled")
    seen = keras.layers.Permute((3, 1, 2), name="channels_first")(inputs) if shape.channels_first else inputs
    if shape.ending in ("sigmoid", "two"):
        _last_layer(foreign.network).activation = keras.activations.linear
    answer = foreign.network(seen, training=False)
    if shape.ending == "two":
        # The softmax of (0, z) is (1 − sigmoid(z), sigmoid(z)).
        beside = keras.initializers.Constant([[0.0, 1.0]])
        answer = keras.layers.Dense(2, use_bias=False, kernel_initializer=beside, name="two_classes")(answer)
    if shape.ending != "softmax":
        answer = keras.layers.Softmax(name="probabilities")(answer)
    return keras.Model(inputs, answer, name="with_softmax")


class Answering:
    """A network from elsewhere that answers for stored pictures, its pixels scaled in any way; traced once."""

    def __init__(self, foreign: Foreign, pictures: PixelStore) -> None:
        network = with_softmax(foreign)
        self._run, self._pictures, self._channels = predictor(network), pictures, foreign.shape.channels
        self._batch = network.inputs[0].shape[0] or _BATCH

    def __call__(self, rows: NDArray[np.int64], pixels: str) -> Floats:
        """Float32 (len(rows), classes): the probabilities that ``fitted(…, pixels)`` gives."""
        answers = []
        for start in range(0, len(rows), self._batch):
            seen = scaled(self._pictures.read(rows[start : start + self._batch]), pixels, self._channels)
            answers.append(self._run(tf.constant(seen)).numpy())
        return np.concatenate(answers)


def _load_keras(source: Source) -> keras.Model:
    """A ``.keras`` or ``.h5`` file, or an architecture and its weights; Keras's safe mode stays on."""
    path = source.path
    with tempfile.TemporaryDirectory() as folder, native_output_silenced():
        try:
            if path.suffix == ".json":
                network = keras.models.model_from_json(path.read_text(encoding="utf-8"))
                network.load_weights(source.weights)
                return network
            readable = path if path.suffix == ".keras" else readable_h5(path, Path(folder) / "keras_3.h5")
            return keras.models.load_model(readable, compile=False, safe_mode=True)
        except Exception as error:
            # Keras raises whatever its layers raise, and whole architectures with it.
            text = " ".join(str(error).split())
            own = re.search(r"(?:Unknown \w+:|Could not locate \w+) '(\w+)'", text)
            what = f"holds {own[1]}, which is not part of Keras" if own else f"Keras {keras.__version__} cannot load it"
            raise ModelError(
                f"{source.given}: {what}{'' if own else f': {text[:200]}'}; where it was trained, save it "
                "as a SavedModel with model.export('folder'), and import that"
            ) from error


def _load_saved_model(folder: Path) -> keras.Model:
    """The signature ``serving_default``, as a model of one layer."""
    _check_operators(folder)
    try:
        with native_output_silenced():
            signatures = tf.saved_model.load(str(folder)).signatures
            wanted = "serving_default" if "serving_default" in signatures else next(iter(signatures), None)
            if wanted is None:
                raise ModelError(f"{folder}: a SavedModel without a signature; save it with model.export('folder')")
            takes = list(signatures[wanted].structured_input_signature[1].values())
            layer = keras.layers.TFSMLayer(str(folder), call_endpoint=wanted)
            inputs = [keras.Input(batch_shape=tuple(spec.shape), dtype=spec.dtype.name) for spec in takes]
            answer = layer(inputs[0]) if len(inputs) == 1 else []
    except (OSError, ValueError, TypeError, KeyError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{folder}: TensorFlow {tf.__version__} cannot load it: {reason}; save it again") from error
    return keras.Model(inputs, list(answer.values()) if isinstance(answer, dict) else answer)


def _check_operators(folder: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except Exception as error:
        raise ModelError(f"{folder}: saved_model.pb is damaged; save the model again") from error
    graphs = [meta.graph_def for meta in model.meta_graphs]
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for graph in graphs for function in graph.library.function for node in function.node_def]
    if found := sorted({node.op for node in nodes} & _REACHING_OUT):
        raise ModelError(
            f"{folder}: contains {', '.join(found)}, which reads or writes files or runs Python, and is not loaded; "
            "export the network alone"
        )


def _picture(shape: tuple[int | None, ...], size: int | None, where: str) -> tuple[int, int, Literal[1, 3], bool]:
    """Height, width and channels of the pictures that a network takes, and whether the channels come first."""
    if len(shape) != 4:
        raise ModelError(
            f"{where}: expected an input of shape (batch, height, width, 3), found {shape}; import a "
            "classifier of pictures"
        )
    first = shape[3] not in (1, 3) and shape[1] in (1, 3)
    height, width = (shape[2], shape[3]) if first else (shape[1], shape[2])
    channels = shape[1] if first else shape[3]
    if channels not in (1, 3):
        raise ModelError(f"{where}: expected pictures of 3 channels, or 1 for grey, found an input of shape {shape}")
    height, width = height or size, width or size
    if height is None or width is None:
        raise ModelError(f"{where}: takes pictures of any size; say which it was trained on with --size 224")
    if not SMALLEST <= min(height, width) <= max(height, width) <= LARGEST:
        raise ModelError(f"{where}: expected pictures of {SMALLEST} to {LARGEST} pixels, found {height}×{width}")
    return height, width, 1 if channels == 1 else 3, first


def _ending(network: keras.Model, shape: tuple[int, ...], where: str) -> Ending:
    """Try the network on noise, and see whether it ends with probabilities."""
    noise: Floats = np.random.default_rng(0).uniform(-1, 1, (3, *shape)).astype(np.float32)
    try:
        with native_output_silenced():
            answers = np.concatenate([np.asarray(network(one[np.newaxis], training=False)) for one in noise])
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        remedy = "; TensorFlow Lite wants channels last: (height, width, 3)" if shape[0] in (1, 3) else ""
        raise ModelError(f"{where}: does not run here: {reason}{remedy}") from error
    if not np.isfinite(answers).all():
        raise ModelError(f"{where}: gives numbers that are not finite; its weights are damaged")
    single = answers.shape[1] == 1
    if not single and (answers >= 0).all() and np.abs(answers.sum(axis=1) - 1).max() < 1e-3:
        return "softmax"
    activation = getattr(_last_layer(network), "activation", None)
    if activation is keras.activations.sigmoid:
        return "two" if single else "sigmoid"
    if single or ((answers >= 0) & (answers <= 1)).all():
        raise ModelError(
            f"{where}: expected probabilities or logits of two classes or more, found {answers.shape[1]} "
            f"{'output' if single else 'outputs between 0 and 1 that do not add up to 1'}; end it with a softmax, or "
            "import the Keras model, whose sigmoid can be replaced"
        )
    return "logits"


def _last_layer(network: keras.Model) -> keras.Layer:
    """The layer that makes the output, in models within models too."""
    layer = network.outputs[0]._keras_history.operation
    return _last_layer(layer) if isinstance(layer, keras.Model) else layer
