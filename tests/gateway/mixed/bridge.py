"""A gateway between its pipes and a server behind HTTP. Arguments: URL FOLDER [NAME=VALUE]…"""

import sys
from pathlib import Path

from tests.gateway.mixed.places import settings
from upcall.gateway.http.bridge.bridging import serve
from upcall.testing import ScriptedModel

if __name__ == "__main__":
    url, folder, *headers = sys.argv[1:]
    model = ScriptedModel("a model's answer", repeat=True)
    pairs = dict(header.split("=", 1) for header in headers)
    sys.exit(serve(url, pairs, "mixed", lambda: settings(Path(folder), model)))
