"""One face for what is compared: untrained features, the linear probe and HiERO."""
