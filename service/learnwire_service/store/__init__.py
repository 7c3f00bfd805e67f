"""The versioned model store: tags, manifests, and what is kept on disk."""
