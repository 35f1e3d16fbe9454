"""How good denoised slices are: against the truth where that is known, and against the other views where it is not."""
