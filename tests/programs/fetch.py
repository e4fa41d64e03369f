"""Fetches a URL: `fetch URL HASH`, with a third argument as where files cannot grow beyond that."""

import resource
import sys

from spotimes.ingestion.catalog import File, Mirror
from spotimes.ingestion.download import fetch_any
from spotimes.system import command

url, promised, *limit = sys.argv[1:]
for largest in map(int, limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
mirror = Mirror(reader="cifar10_binary", files=[File(url=url, hash=promised)])
command.run("prepare", lambda: print(fetch_any([mirror])))
