"""Trust: who may call, and which models may run their own code. It knows no gRPC."""
