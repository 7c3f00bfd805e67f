"""The queue of one model: which items make the next batch, and who asks the model."""
