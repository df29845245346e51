// Calls one tool with the TypeScript SDK's client, version 1, which declares no sampling, and prints the result as JSON.
//
// node typescript_client_v1.mjs ERA TOOL ARGUMENTS URL
// node typescript_client_v1.mjs ERA TOOL ARGUMENTS COMMAND [ARGS]...      such as: upcall gateway -- node server.js
//
// This version knows one era alone.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [, tool, text, place, ...args] = process.argv.slice(2);
const transport = place.startsWith("http")
  ? new StreamableHTTPClientTransport(new URL(place))
  : new StdioClientTransport({ command: place, args, env: process.env });
const client = new Client({ name: "client", version: "1.0.0" });
await client.connect(transport);
console.log(JSON.stringify(await client.callTool({ name: tool, arguments: JSON.parse(text) })));
await client.close();
