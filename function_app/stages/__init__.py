"""What becomes of a job, stage by stage: preprocessed, stitched; a style learnt.

Each stage is a function from a job to what it made, called by an activity, in a child process where
it reads what strangers uploaded. Imported by activities; imports `media`, `store` and `options`.
"""
