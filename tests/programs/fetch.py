"""Fetches a URL: `fetch URL HASH`, with a third argument as where files cannot grow beyond that."""

import resource
import sys

from spotimes.downloads.download import fetch_any
from spotimes.downloads.remote_file import File
from spotimes.ingestion.mirror import Mirror, Records
from spotimes.system import command

url, promised, *limit = sys.argv[1:]
for largest in map(int, limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
file = File(url=url, hash=promised)
mirror = Mirror(files=[file], records=Records(train=[file.name], test=[file.name]))
command.run("prepare", lambda: print(fetch_any([mirror])))
