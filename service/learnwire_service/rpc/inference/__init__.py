"""The Open Inference Protocol: its messages, its tensors, and the servicer that answers it."""
