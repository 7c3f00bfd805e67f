"""The workers' HTTP port: Connect, gRPC-Web and JSON, over the same servicers as gRPC."""
