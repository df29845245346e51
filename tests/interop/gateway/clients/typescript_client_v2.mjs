// Calls one tool with the TypeScript SDK's client, version 2, which declares no sampling, and prints the result as JSON.
//
// node typescript_client_v2.mjs ERA TOOL ARGUMENTS URL
// node typescript_client_v2.mjs ERA TOOL ARGUMENTS COMMAND [ARGS]...      such as: upcall gateway -- node server.js
//
// ERA is a revision, "legacy", or "auto": the newest that both speak.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [era, tool, text, place, ...args] = process.argv.slice(2);
const transport = place.startsWith("http")
  ? new StreamableHTTPClientTransport(new URL(place))
  : new StdioClientTransport({ command: place, args, env: process.env });
const mode = ["legacy", "auto"].includes(era) ? era : { pin: era };
const client = new Client({ name: "client", version: "1.0.0" }, { versionNegotiation: { mode } });
await client.connect(transport);
console.log(JSON.stringify(await client.callTool({ name: tool, arguments: JSON.parse(text) })));
await client.close();
