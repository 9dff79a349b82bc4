"""The files of the published runs: fetched, resumed, checked, unpacked."""
