"""The way to production: checks, receipts, manifests, DAG files to S3 or git."""
