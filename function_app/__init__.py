"""Orchestrates the painting of videos. Touches containers and timestamps, never pixels.

Data flows one way: triggers and api -> orchestrator -> activities -> preprocess, compute, stitch.
"""
