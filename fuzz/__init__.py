"""Hostile media: what becomes of mutants of good files, and of files made to hurt.

    make fuzz MUTANTS=4000

A number is a mutant: a seed file, and one or more mutators. Each goes the whole way, from an upload
in a real Azurite through preprocessing, decoding, encoding and the join, and has to end by the
rules: a result in which every planned frame is, or a refusal in one sentence.
"""
