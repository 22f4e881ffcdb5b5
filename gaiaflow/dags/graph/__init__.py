"""Draws a DAG: a picture in SVG and lines for the terminal, by the standard library alone."""
