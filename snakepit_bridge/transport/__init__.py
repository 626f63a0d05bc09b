"""How commands come in: the seam, its data, the transport without a wire."""
