"""ONNX files as blocks, boxes of inputs, claims about outputs."""
