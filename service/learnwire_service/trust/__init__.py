"""Trust: who may call, which models may run their own code, and the jail for that of others."""
