"""The HiERO backbone, its alignment heads and the text encoders."""
