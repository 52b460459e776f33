"""Stands in for Raspberry Pi's kms++ bindings, which picamera2 imports for its previews; nothing here draws."""


class _Names(type):
    def __getattr__(cls, name: str) -> str:
        return name


class PixelFormat(metaclass=_Names):
    """Every pixel format is its own name."""
