"""A bundle on disk, read strictly: a wrong hash, an extra file or one that escapes the folder are errors of one line.

Every byte is hostile until verified: nothing is followed, waited for or held in memory beyond what the limits say.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from edge_asl_device.contract.formats import parse_manifest
from edge_asl_device.contract.manifest import (
    LABELS,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    MAX_SIGNATURE_BYTES,
    MODEL,
    SIGN,
    SIGNATURE,
    HandManifest,
    Manifest,
    Model,
    SquareManifest,
)
from edge_asl_device.contract.tensor import ModelSpec
from edge_asl_device.contract.tree import Entry, Tree, read_verified
from edge_asl_device.contract.untrusted import file_errors_as, read_bounded
from edge_asl_device.errors import BundleError

AGAIN = "copy or build the bundle again"


class Bundle(NamedTuple):
    """A bundle on disk whose manifest was read and whose files were found as listed."""

    folder: Path
    manifest: Manifest
    digest: str
    """SHA-256 of ``manifest.json``, which lists the hash of everything else: it names the release."""

    @property
    def models(self) -> dict[str, Model]:
        """Name → model; a bundle of format 1 has one, ``sign``."""
        if isinstance(self.manifest, HandManifest):
            return self.manifest.models
        assert isinstance(self.manifest, SquareManifest)  # noqa: S101 - there is no third
        found = self.manifest
        tensors = {"picture": found.input.tensor}, {"probabilities": found.output.tensor}
        return {SIGN: Model(MODEL, *tensors, found.operators, found.minimum_runtime)}

    def spec(self, name: str = SIGN, file: str | None = None) -> ModelSpec:
        """The model ``name``; ``file``: compiled for an accelerator, instead of the one that the manifest names."""
        model = self.models[name]
        return ModelSpec(
            self.folder / (file or model.file), tuple(model.inputs.values()), tuple(model.outputs.values())
        )

    @property
    def model(self) -> Path:
        """The path of the model that names signs."""
        return self.spec().path

    def content(self, name: str) -> bytes:
        """The bytes of one of the bundle's files, checked again: what is used is what was verified.

        Raises:
            BundleError: the file was changed or taken away since the bundle was read.
        """
        file = self.manifest.files[name]
        with file_errors_as(BundleError, AGAIN):
            return read_verified(self.folder / name, file.sha256, file.size)

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the output tensor's order."""
        return tuple(self.manifest.labels)


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle and check that its files are exactly those listed, whole and unchanged.

    Raises:
        BundleError: anything missing, extra, linked, changed or not understood.
    """
    path = folder / MANIFEST
    try:
        path.lstat()
    except OSError as error:
        raise BundleError(
            f"{folder}: not a bundle: {MANIFEST} cannot be read ({error.strerror}); "
            "name the folder that edge-asl build wrote"
        ) from error
    with file_errors_as(BundleError, AGAIN):
        data = read_bounded(path, MAX_MANIFEST_BYTES)
        manifest = parse_manifest(data, str(path))
        bundle = Bundle(folder, manifest, hashlib.sha256(data).hexdigest())
        files = {name: Entry(file.sha256, file.size) for name, file in manifest.files.items()}
        Tree(files, unlisted=frozenset({MANIFEST, SIGNATURE})).verify(folder)
        if os.path.lexists(folder / SIGNATURE):
            read_bounded(folder / SIGNATURE, MAX_SIGNATURE_BYTES)
    _check_labels(bundle)
    return bundle


def _check_labels(bundle: Bundle) -> None:
    path, labels = bundle.folder / LABELS, bundle.manifest.labels
    try:
        listed = bundle.content(LABELS).decode().splitlines()
    except UnicodeDecodeError as error:
        raise BundleError(f"{path}: not UTF-8 ({error}); build the bundle again") from error
    if listed != labels:
        raise BundleError(f"{path}: expected the manifest's {len(labels)} labels, found {len(listed)} others")
