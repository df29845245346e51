"""A product catalogue: name and keywords come in, and the client's model writes the description.

It shows a system prompt, a temperature, and a structured result. Products are kept in a file with one line of JSON for
each, beside this one or where PRODUCTS_FILE says.

    python examples/product.py              # stdio
    python examples/product.py --http       # http://localhost:8000/mcp
"""

import os
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from mcp.server import MCPServer
from pydantic import BaseModel, Field, StringConstraints

from _serve import serve
from upcall.server import Sampling, sample

FILE = Path(os.environ.get("PRODUCTS_FILE") or Path(__file__).with_name("products.jsonl"))

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Keyword = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]

mcp = MCPServer("product", middleware=[Sampling()])


class Product(BaseModel):
    """One product, complete."""

    id: str
    title: str
    keywords: list[str]
    description: str


@mcp.tool()
async def create_product(
    title: Title, keywords: Annotated[list[Keyword], Field(min_length=1, max_length=20)]
) -> Product:
    """Create a product. Its description is written for you."""
    description = await sample(
        f"Describe the product {title!r} in two sentences. Keywords: {', '.join(keywords)}.",
        system="You write for the catalogue of a shop: friendly, concrete, no superlatives.",
        temperature=0.7,
        max_tokens=200,
    )
    product = Product(id=uuid4().hex, title=title, keywords=keywords, description=description.text)
    save(product)
    return product


@mcp.tool()
def list_products() -> list[Product]:
    """List all products, oldest first."""
    if not FILE.exists():
        return []
    with FILE.open(encoding="utf-8") as file:
        return [Product.model_validate_json(line) for line in file]


def save(product: Product) -> None:
    """Append a product to the file."""
    with FILE.open("a", encoding="utf-8") as file:
        file.write(product.model_dump_json() + "\n")


if __name__ == "__main__":
    serve(mcp, __doc__)
