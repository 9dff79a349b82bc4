"""A video's hierarchy in files that others read: HTML, JSON, CSV, WebVTT, ELAN, and figures for print.

Each writer is a plain function of `hiero_lib.export.record.VideoRecord`.
"""
