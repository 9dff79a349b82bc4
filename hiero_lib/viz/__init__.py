"""Figures: plotly for looking, matplotlib for print."""
