// A server of the TypeScript SDK, version 2, both eras: node typescript_v2.mjs stdio|http. On HTTP it prints its address.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { NodeStreamableHTTPServerTransport, toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, inputRequired, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

function build() {
  const server = new McpServer({ name: "typescript-v2", version: "1.0.0" });
  const inputSchema = z.object({ text: z.string() });
  server.registerTool("plain", { inputSchema }, async ({ text }) => ({ content: [{ type: "text", text }] }));
  // Written once: on 2025-11-25 and before, the SDK asks the client in the middle of the call.
  server.registerTool("ask", { inputSchema }, async ({ text }, { mcpReq }) => {
    const answer = mcpReq.inputResponses?.answer;
    if (answer) return { content: [answer.content] };
    const messages = [{ role: "user", content: { type: "text", text } }];
    return inputRequired({ inputRequests: { answer: inputRequired.createMessage({ messages, maxTokens: 100 }) } });
  });
  return server;
}

if (process.argv[2] === "stdio") {
  serveStdio(build);
} else {
  const sessions = new Map();
  const modern = toNodeHandler(createMcpHandler(build, { legacy: "reject" }));
  async function legacy(request, response) {
    const id = request.headers["mcp-session-id"];
    let transport = sessions.get(id);
    if (!transport) {
      const onsessioninitialized = (made) => sessions.set(made, transport);
      transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, onsessioninitialized });
      await build().connect(transport);
    }
    await transport.handleRequest(request, response);
  }
  const listener = createServer((request, response) => {
    // Only requests of 2026-07-28 say in a header what their method is.
    return request.headers["mcp-method"] ? modern(request, response) : legacy(request, response);
  });
  listener.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${listener.address().port}/mcp`));
}
