"""What clients rely on in an S3 store: the modules fill `behaviour.TABLE`."""

from tests.s3_behaviours import (
    buckets as buckets,
    copies as copies,
    listings as listings,
    mlflow_client as mlflow_client,
    multiparts as multiparts,
    objects as objects,
    pyarrow_client as pyarrow_client,
    s3fs_client as s3fs_client,
    signatures as signatures,
)
