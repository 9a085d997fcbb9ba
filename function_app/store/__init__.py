"""What is kept in blob storage, and where: uploads, results, styles, and all about a job.

`paths` says where everything lies, `storage` reads and writes it, `streams` what is too big to be
read at once. Imported by everything that has to do with a job; imports `scheduling`, `options` and
`settings`, never media or compute.
"""
