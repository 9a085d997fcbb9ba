"""Learning a style from one painting, without pretrained weights."""
