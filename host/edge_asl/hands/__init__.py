"""The hand stage's two models: fetched as Google published them, trimmed, quantized to int8, checked and cached."""
