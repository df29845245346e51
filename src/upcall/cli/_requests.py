"""A sampling request from a JSON file that somebody names on the command line."""

from __future__ import annotations

import json

import click

from upcall.errors import InvalidRequest
from upcall.wire import SamplingCapability, SamplingRequest, check_request, decode_request, visible

__all__ = ["read_request"]


def read_request(text: bytes, name: str) -> SamplingRequest:
    """The request: its parameters alone, or a whole JSON-RPC request around them.

    Args:
        text: What stands in the file.
        name: What the file is called in the command's help.

    Raises:
        click.UsageError: It is no JSON, or no request that could be answered.
    """
    try:
        params = json.loads(text)
        if isinstance(params, dict) and "messages" not in params and "params" in params:
            params = params["params"]
        request = decode_request(params)
        check_request(request, declared=SamplingCapability(tools={}))
    except ValueError as error:  # bytes that are no UTF-8 are among these
        raise click.UsageError(f"{name} is no JSON: {error}.") from None
    except InvalidRequest as error:
        raise click.UsageError(visible(f"{name} would be refused by any policy. {error}")) from None
    return request
