"""Writes the HEIC files beside it: ``pip install pillow-heif`` (its wheels hold an encoder, which is under the GPL)."""

import sys
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "host" / "datasets"))

from test_decode_table import TO_STORED, original  # noqa: E402 - the test that reads these files says what is in them


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
