"""Pictures: the client's model looks at them.

It shows `Image` in a prompt, by path or by bytes, alone and beside text. The client needs a model that can see; the
embedded one cannot, and the tool then says so.

    python examples/vision.py               # stdio
    python examples/vision.py --http        # http://localhost:8000/mcp

Pictures come from the folder pictures/ beside this file, or from where PICTURES says.
"""

import os
from pathlib import Path

from mcp.server import MCPServer

from _serve import serve
from upcall.server import Image, Sampling, ToolError, sample

PICTURES = Path(os.environ.get("PICTURES") or Path(__file__).with_name("pictures"))

mcp = MCPServer("vision", middleware=[Sampling()])


@mcp.tool()
async def describe(picture: str) -> str:
    """Describe one of the pictures."""
    return str(await sample([Image(find(picture)), "Describe this picture in one sentence."], max_tokens=200))


@mcp.tool()
async def compare(first: str, second: str) -> str:
    """Tell what is different between two of the pictures."""
    pictures = [Image(find(name).read_bytes()) for name in (first, second)]
    return str(await sample([*pictures, "What is different between these two pictures?"], max_tokens=300))


def find(name: str) -> Path:
    """The path of a picture. Names come from outside, so nothing but a name that is there will do."""
    names = sorted(path.name for path in PICTURES.glob("*.png"))
    if name not in names:
        raise ToolError(f"There is no picture {name!r}. There are: {', '.join(names)}.")
    return PICTURES / name


if __name__ == "__main__":
    serve(mcp, __doc__)
