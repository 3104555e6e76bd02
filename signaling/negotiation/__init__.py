"""Offers and answers, and the media that they describe."""
