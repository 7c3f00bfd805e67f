"""The Open Inference Protocol over HTTP: JSON and binary tensors to and from its messages."""
