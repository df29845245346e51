"""An agent: the client's model works with two tools of this server until it knows the answer.

It shows the tool loop: plain functions with type hints are the tools, `sample()` runs them and hands their results
back. The client's user pays for the model, and this server keeps its notes to itself but for what is found.

    python examples/agent.py                # stdio
    python examples/agent.py --http         # http://localhost:8000/mcp
"""

import ast
import operator
from collections.abc import Callable

from mcp.server import MCPServer

from _serve import serve
from upcall.server import Sampling, ToolError, sample

NOTES = {
    "office": "The office has 4 floors with 18 desks on each. The canteen is on the ground floor.",
    "staff": "61 people work here. 23 of them come in on Mondays only.",
    "coffee": "A bag of coffee costs 14.50 and lasts three working days.",
    "parking": "There are 12 parking spaces behind the house. Two are for guests.",
}

mcp = MCPServer("agent", middleware=[Sampling()])


@mcp.tool()
async def ask(question: str) -> str:
    """Answer a question about the office."""
    reply = await sample(
        question,
        system="You answer questions about our office. Look things up in the notes, calculate with the calculator, "
        "and answer in one sentence.",
        tools=[search_notes, calculate],
        max_tokens=500,
        max_steps=8,
    )
    return reply.text


def search_notes(word: str) -> dict[str, str]:
    """Find the notes that contain a word."""
    found = {name: text for name, text in NOTES.items() if word.lower() in f"{name} {text}".lower()}
    if not found:
        raise ToolError(f"No note contains {word!r}. There are notes on: {', '.join(NOTES)}.")
    return found


OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def calculate(expression: str) -> float:
    """Calculate with numbers, + - * / and parentheses, such as "4 * 18"."""

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        raise ToolError("Only numbers, + - * / and parentheses are understood.")

    try:
        return value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ZeroDivisionError) as error:
        raise ToolError(f"{expression!r} cannot be calculated: {error}.") from None


if __name__ == "__main__":
    serve(mcp, __doc__)
