"""Networks that turn a window of frames into a segment's features.

One module each, with a function that builds the extractor: :func:`efficientnet_lite0.load`, :func:`egovlp.load`,
:func:`omnivore.load`, :func:`clip_tower.load`. Whatever has the form of
:class:`hiero_lib.sources.extraction.extractors.base.Extractor` can be handed to the extraction in their place.
"""
