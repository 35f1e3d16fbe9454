"""Whether a denoised slice can be believed: what its own scan says against it, in numbers, pictures and a verdict."""
