"""hiero_lib: the library behind the HiERO notebooks (ICCV 2025, arXiv 2505.12911).

Importing the package imports nothing else; take what is needed from its modules::

    from hiero_lib.config import load_profile
    from hiero_lib.models.hiero import HiERO
"""

__version__ = "0.1.0"
