"""Models from elsewhere, trained and saved once per test session in a child process, as people save them.

``from foreign_models import foreign_models`` brings the fixture into a test module.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from tiny_build import SIGNS, in_child

SIDE = 32
KERAS_2 = Path(__file__).parents[1] / "data" / "teachable-machine.json"


class ForeignModels(NamedTuple):
    """A folder of models that know the drawn signs, and what this program makes of them in the process that made them.

    ``converted_keras.zip`` is shaped as Teachable Machine's export and takes pixels from −1 to 1; the others take them
    from 0 to 1.
    """

    folder: Path
    fitted: dict[str, dict[str, Any]]
    """File → ``shape``, ``ending`` and ``off``, how far its probabilities are from those of the original."""
    refused: dict[str, str]
    """File → why it is not loaded."""
    scalings: dict[str, float]
    """Way → how far its fixed layer is from ``preprocess_input``."""
    shifts: dict[str, float]
    """How far the mean of a network's logits moves when weights are ``rounded``, and when it is then ``corrected``."""


@pytest.fixture(scope="session")
def foreign_models(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> ForeignModels:
    """All of them; several test modules share them, because the folder is the session's."""
    folder = tmp_path_factory.getbasetemp() / "foreign-models"
    found = folder / "found.json"
    if not found.exists():
        folder.mkdir()
        in_child(__file__, drawn, folder)
    return ForeignModels(folder, **json.loads(found.read_text()))


def make_all(drawn: Path, folder: Path) -> None:
    """Train, save, load again; runs in the child."""
    from edge_asl.datasets.pixel_store import model_picture
    from edge_asl.datasets.readers import read_dataset
    from edge_asl.errors import ModelError
    from edge_asl.imports.found import find_model
    from edge_asl.training.foreign import fitted, load_foreign
    from edge_asl.training.quiet import keras
    from edge_asl_device.contract.manifest import Crop, Input, Resize

    dataset = read_dataset(drawn)
    spec = Input(SIDE, SIDE, Crop.CENTRE_SQUARE, Resize.LINEAR)
    pictures = np.stack([model_picture(dataset.load(p), p, spec) for p in dataset.pictures])
    truth = np.array([SIGNS.index(picture.label) for picture in dataset.pictures])
    keras.utils.set_random_seed(1)
    machine = teachable_machine(keras)
    machine.compile(keras.optimizers.Adam(8e-3), "sparse_categorical_crossentropy")
    machine.fit(pictures / 127.5 - 1, truth, batch_size=16, epochs=15, verbose=0)
    save_as_keras_2(machine, folder)
    plain = of_unit_pixels(keras, machine)
    save_variants(keras, plain, folder)

    some = pictures[:3]
    wanted = np.asarray(plain(some / 255, training=False))
    two = wanted[:, :2] / wanted[:, :2].sum(axis=1, keepdims=True)
    grey = (some @ np.array([0.299, 0.587, 0.114]))[..., np.newaxis].repeat(3, axis=-1)
    ours = {
        "grey.keras": np.asarray(plain(grey / 255, training=False)),
        "two.h5": two,
        "saved_1": np.asarray(small((some / 255).astype(np.float32))),
    }
    of_machine = np.asarray(machine(some / 127.5 - 1, training=False))
    found, refused = {}, {}
    for path in sorted(folder.iterdir()):
        try:
            foreign = load_foreign(find_model(path, folder / "unpacked"), SIDE)
        except ModelError as error:
            refused[path.name] = str(error)
            continue
        pixels = {"converted_keras.zip": "tf", "rescaling.keras": "raw"}.get(path.name, "unit")
        network = fitted(foreign, pixels)
        floats = (some.astype(np.float32) - 128) / 128
        # A SavedModel may take a single picture at a time.
        given = np.concatenate([np.asarray(network(one[np.newaxis], training=False)) for one in floats])
        right = of_machine if pixels == "tf" else ours.get(path.name, wanted)
        shape = foreign.shape
        found[path.name] = {
            "shape": [shape.height, shape.width, shape.channels],
            "channels_first": shape.channels_first,
            "rescales": shape.rescales,
            "ending": shape.ending,
            "off": float(np.abs(given - right).max()),
        }
        if path.name == "saved":
            from edge_asl.pipeline.quantize import quantize

            (folder / "saved.tflite").write_bytes(quantize(network, pictures[:40]))
    answers = {
        "fitted": found,
        "refused": refused,
        "scalings": scalings(keras, some.astype(np.float32)),
        "shifts": shifts(keras, plain, (pictures / 255).astype(np.float32)),
    }
    (folder / "found.json").write_text(json.dumps(answers))


def teachable_machine(keras: Any) -> Any:
    """The architecture of ``teachable-machine.json``."""
    layers = keras.layers
    inputs = x = keras.Input((SIDE, SIDE, 3))
    for number, filters in enumerate((16, 32, 48)):
        x = layers.Conv2D(filters, 3, strides=2, padding="same" if number else "valid")(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(x))
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(x))
    features = keras.Sequential([keras.Model(inputs, x), layers.GlobalAveragePooling2D()])
    head = [layers.Dense(100, activation="relu"), layers.Dense(len(SIGNS), activation="softmax", use_bias=False)]
    return keras.Sequential([features, keras.Sequential([keras.Input((48,)), *head])])


def save_as_keras_2(machine: Any, folder: Path) -> None:
    """``converted_keras.zip``, with what Keras 2 would have written of it."""
    import h5py

    path = folder / "keras_model.h5"
    machine.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = KERAS_2.read_text()
        file.attrs["keras_version"] = "2.4.0"
    with zipfile.ZipFile(folder / "converted_keras.zip", "w") as archive:
        archive.write(path, "keras_model.h5")
        archive.writestr("labels.txt", "".join(f"{number} {label}\n" for number, label in enumerate(SIGNS)))
    path.unlink()


def of_unit_pixels(keras: Any, machine: Any) -> Any:
    """The same network flat, and for pixels from 0 to 1: x · 2 − 1 goes into the first convolution."""
    features, head = machine.layers
    body = features.layers[0]
    inputs = x = keras.Input((SIDE, SIDE, 3))
    pairs = []
    for layer in (*body.layers[1:], features.layers[1], *head.layers):
        copy = type(layer).from_config(layer.get_config())
        x = copy(x)
        pairs.append((copy, layer))
    for copy, layer in pairs:
        copy.set_weights(layer.get_weights())
    kernel, bias = pairs[0][1].get_weights()
    pairs[0][0].set_weights([kernel * 2, bias - kernel.sum(axis=(0, 1, 2))])
    return keras.Model(inputs, x)


def save_variants(keras: Any, plain: Any, folder: Path) -> None:
    """The network in every format and with every ending that people have."""
    import tensorflow as tf  # noqa: TID251 - this is the child process

    layers = keras.layers
    inputs = keras.Input((SIDE, SIDE, 3))
    before = keras.Model(plain.inputs, plain.layers[-2].output)
    (kernel,) = plain.layers[-1].get_weights()

    def save(name: str, output: Any, given: Any = inputs) -> Any:
        network = keras.Model(given, output)
        network.save(folder / name)
        return network

    def ending(weights: Any, **settings: Any) -> Any:
        layer = layers.Dense(weights.shape[1], use_bias=False, **settings)
        output = layer(before(inputs))
        layer.set_weights([weights])
        return output

    plain.save(folder / "plain.keras")
    plain.export(folder / "saved", verbose=False)
    save("logits.keras", ending(kernel))
    save("sigmoid.keras", ending(kernel, activation="sigmoid"))
    save("two.h5", ending(kernel[:, 1:2] - kernel[:, :1], activation="sigmoid"))
    save("rescaling.keras", plain(layers.Rescaling(1 / 255)(layers.RandomFlip()(inputs))))
    first = keras.Input((3, SIDE, SIDE))
    save("channels_first.keras", plain(layers.Permute((2, 3, 1))(first)), first)
    one = keras.Input((SIDE, SIDE, 1))
    save("grey.keras", plain(layers.Concatenate()([one, one, one])), one)
    many = keras.Input(batch_shape=(8, SIDE, SIDE, 3))
    save("batch_8.keras", plain(many), many)
    save("lambda.keras", layers.Lambda(lambda x: x * 2)(plain(inputs)))
    save("lambda.h5", layers.Lambda(lambda x: x * 2)(plain(inputs)))
    save("outputs.keras", [plain(inputs), plain(inputs)])
    save("features.keras", layers.Reshape((10, 10))(before(inputs)))

    class Own(layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    save("own.keras", Own()(plain(inputs)))
    save("own.h5", Own()(plain(inputs)))
    architecture = folder / "architecture"
    architecture.mkdir()
    plain.save_weights(architecture / "model.weights.h5")
    (architecture / "model.json").write_text(plain.to_json())

    # Small ones that need no Keras.
    def save_signature(name: str, batch: int | None, answer: Any) -> None:
        module = tf.Module()
        module.answer = tf.function(answer, input_signature=[tf.TensorSpec((batch, SIDE, SIDE, 3))])
        tf.saved_model.save(module, str(folder / name), signatures=module.answer.get_concrete_function())

    def writing(x: Any) -> Any:
        tf.io.write_file(str(folder / "written"), tf.constant("from a model"))
        return small(x)

    save_signature("saved_1", 1, small)
    save_signature("saved_8", 8, small)
    save_signature("saved_sigmoid", None, lambda x: small(x, tf.sigmoid))
    save_signature("saved_writing", None, writing)


def small(pictures: Any, ending: Any = None) -> Any:
    """A classifier of three signs by the mean colour; float32 (batch, H, W, 3), 0 to 1, to (batch, 3)."""
    import tensorflow as tf  # noqa: TID251 - this is the child process

    return (ending or tf.nn.softmax)(tf.reduce_mean(tf.convert_to_tensor(pictures), (1, 2)) * (9.0, -9.0, 1.0))


def scalings(keras: Any, pictures: Any) -> dict[str, float]:
    """How far each fixed layer, and its copy, is from Keras's own preprocessing."""
    from edge_asl.training.pixels import SCALINGS, scaling_layer

    others = {"unit": pictures / 255, "raw": pictures}
    found = {}
    for name in SCALINGS:
        inputs = keras.Input((None, None, 3))
        copy = keras.models.clone_model(keras.Model(inputs, scaling_layer(name)(inputs)))
        given = np.asarray(copy((pictures - 128) / 128))
        preprocess = keras.applications.imagenet_utils.preprocess_input
        wanted = others[name] if name in others else preprocess(pictures.copy(), mode=name)
        found[name] = float(np.abs(given - wanted).max())
    return found


def shifts(keras: Any, plain: Any, inputs: Any) -> dict[str, float]:
    """Of the network without its softmax, after an outlier in every channel has made the steps of int8 coarse."""
    from edge_asl.training.rounding import corrected, rounded

    network = keras.models.clone_model(keras.Model(plain.inputs, plain.layers[-2].output))
    network.set_weights(plain.get_weights()[:-1])
    kernels = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    for layer in kernels[1:]:
        kernel = np.array(layer.kernel)
        kernel[0, 0, 0] *= 8
        layer.kernel.assign(kernel)
    before = np.asarray(network(inputs, training=False)).mean(axis=0)
    after = np.asarray(corrected(network, inputs)(inputs, training=False)).mean(axis=0)
    for layer in kernels:
        axes = (0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (0, 1, 2)
        layer.kernel.assign(rounded(np.array(layer.kernel), axes))
    crude = np.asarray(network(inputs, training=False)).mean(axis=0)
    return {"rounded": float(np.abs(crude - before).mean()), "corrected": float(np.abs(after - before).mean())}


if __name__ == "__main__":
    make_all(Path(sys.argv[1]), Path(sys.argv[2]))
