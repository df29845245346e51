"""Prompts and resources that sample: tools are not the only ones that may ask.

It shows a prompt whose text the client's model has worked on before anyone sees it, and a resource template whose
contents are written when they are read.

    python examples/prompts_and_resources.py            # stdio
    python examples/prompts_and_resources.py --http     # http://localhost:8000/mcp
"""

from mcp.server import MCPServer

from _serve import serve
from upcall.server import Sampling, sample

mcp = MCPServer("prompts-and-resources", middleware=[Sampling()])


@mcp.prompt()
async def review(code: str) -> str:
    """Ask for a review of some code, with the questions that this code raises."""
    questions = await sample(f"List three questions a reviewer should ask about this code:\n\n{code}", max_tokens=200)
    return f"Please review this code:\n\n{code}\n\nThink of these questions in particular:\n\n{questions}"


@mcp.resource("glossary://{term}")
async def glossary(term: str) -> str:
    """What a term means."""
    return f"{term}: {await sample(f'Define the term {term!r} in one sentence.', max_tokens=100)}"


if __name__ == "__main__":
    serve(mcp, __doc__)
