"""A denoiser as a plugin: the median of each pixel's neighbourhood."""

from scipy.ndimage import median_filter

import tomopy_edge


@tomopy_edge.options
class MedianOptions:
    size: int = 3


class Median:
    neighbours = 0

    def __init__(self, options, job):
        self.size = options.size

    def __call__(self, noisy):
        return median_filter(noisy, size=(1, self.size, self.size))


@tomopy_edge.hookimpl
def tomopy_edge_denoisers():
    yield tomopy_edge.DenoiserEntry("median", "Median of each neighbourhood", MedianOptions, Median)
