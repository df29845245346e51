// The TypeScript SDK, version 1: revisions up to 2025-11-25. See call.mjs.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const { capabilities } = request;
const client = new Client({ name: "interop", version: "1.0.0" }, { capabilities });
if (capabilities.sampling) {
  client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => answer(params));
}
const transport = target.url
  ? new StreamableHTTPClientTransport(new URL(target.url))
  : new StdioClientTransport({ ...target, stderr: "ignore" });
let negotiated;
transport.setProtocolVersion = ((set) => (version) => {
  negotiated = version;
  set?.call(transport, version);
})(transport.setProtocolVersion);
await call(client, transport, () => negotiated);
