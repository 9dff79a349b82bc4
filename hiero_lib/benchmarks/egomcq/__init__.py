"""EgoMCQ: which of five clips does a narration describe?"""
