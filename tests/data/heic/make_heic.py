"""Writes the HEIC files beside it: ``pip install pillow-heif`` (its wheels hold an encoder, which is under the GPL)."""

from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

HERE = Path(__file__).parent
TO_STORED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: np.rot90(p, -1),
}


def original() -> np.ndarray:
    """The picture of tests/host/datasets/test_decode_table.py: RGB (48, 64, 3), no two of its corners alike."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[...] = 60, 120, 180
    picture[:16, :20] = 220, 40, 30
    picture[30:, 40:] = 20, 200, 60
    picture[:10, 50:] = 240, 240, 240
    return picture


def main() -> None:
    pillow_heif.register_heif_opener()
    rgb = original()
    for orientation, stored in TO_STORED.items():
        exif = Image.Exif()
        exif[0x0112] = orientation  # becomes irot and imir, as in a phone's files
        picture = Image.fromarray(np.ascontiguousarray(stored(rgb)))
        picture.save(HERE / f"rgb-{orientation}.heic", exif=exif.tobytes(), quality=90)
    Image.fromarray(rgb).convert("L").save(HERE / "grey-1.heic", quality=90)
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    Image.fromarray(rgba).save(HERE / "rgba-1.heic", quality=90)
    rgba[:, :30, 3] = 0
    Image.fromarray(rgba).save(HERE / "clear-1.heic", quality=95)
    deep = rgb.astype(np.uint16) * 257
    with (HERE / "rgb10-1.heic").open("wb") as file:
        pillow_heif.encode("RGB;16", (64, 48), deep.tobytes(), file, quality=90)


if __name__ == "__main__":
    main()
