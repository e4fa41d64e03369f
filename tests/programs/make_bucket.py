"""Makes the bucket `bucket` at an S3 server, whose address is the argument."""

import sys

import boto3  # type: ignore[import-untyped]  # it has no types

(address,) = sys.argv[1:]
boto3.client("s3", endpoint_url=address).create_bucket(Bucket="bucket")
