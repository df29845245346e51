// The TypeScript SDK, version 2: every revision, the newest only when asked for. See call.mjs.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const { capabilities, era } = request;
const client = new Client(
  { name: "interop", version: "1.0.0" },
  { capabilities, versionNegotiation: { mode: era === "legacy" ? "legacy" : { pin: era } } },
);
if (capabilities.sampling) {
  client.setRequestHandler("sampling/createMessage", async ({ params }) => answer(params));
}
const transport = target.url
  ? new StreamableHTTPClientTransport(new URL(target.url))
  : new StdioClientTransport({ ...target, stderr: "ignore" });
await call(client, transport, () => client.getNegotiatedProtocolVersion());
