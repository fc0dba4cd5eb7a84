"""The mathematics: Jacobians, Gram matrices and spectra. Uses torch only; no file, database or model library."""
