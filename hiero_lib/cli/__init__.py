"""The commands of ``python -m hiero_lib``: one module a theme, each with ``add_parsers`` and what its commands do.

A command imports what it needs when it runs, so that ``--help`` is immediate. It returns the exit status.
"""
