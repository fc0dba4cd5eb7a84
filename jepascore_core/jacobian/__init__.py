"""The mathematics: Jacobians, Gram matrices and spectra. Torch only; no file, database or model library in here."""
