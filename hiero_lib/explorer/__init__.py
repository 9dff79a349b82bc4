"""The interactive layer over the figures of :mod:`hiero_lib.viz`."""
