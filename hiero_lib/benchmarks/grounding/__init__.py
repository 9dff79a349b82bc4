"""What EgoNLQ and Goal-Step share: annotation files, measures, grounding strategies."""
