"""Where data come from: a sample made here, downloads, features of video files."""
