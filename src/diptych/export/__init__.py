"""Models for other programs: ONNX, proof that it gives the same pictures, a page for browsers."""
