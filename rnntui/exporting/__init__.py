"""Trained models in other forms: ONNX graphs, one Python file, a page for a browser."""
