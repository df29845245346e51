// A server of the TypeScript SDK, version 1: node typescript_v1.mjs stdio|http. On HTTP it prints its address.

import { randomUUID } from "node:crypto";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import express from "express";
import { z } from "zod";

function build() {
  const server = new McpServer({ name: "typescript-v1", version: "1.0.0" });
  const inputSchema = { text: z.string() };
  server.registerTool("plain", { inputSchema }, async ({ text }) => ({ content: [{ type: "text", text }] }));
  server.registerTool("ask", { inputSchema }, async ({ text }) => {
    const messages = [{ role: "user", content: { type: "text", text } }];
    const { content } = await server.server.createMessage({ messages, maxTokens: 100 });
    return { content: [content] };
  });
  return server;
}

if (process.argv[2] === "stdio") {
  await build().connect(new StdioServerTransport());
} else {
  const sessions = new Map();
  const app = express();
  app.all("/mcp", async (request, response) => {
    const id = request.headers["mcp-session-id"];
    let transport = sessions.get(id);
    if (!transport) {
      if (id) return response.status(404).end();
      const onsessioninitialized = (made) => sessions.set(made, transport);
      transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, onsessioninitialized });
      await build().connect(transport);
    }
    await transport.handleRequest(request, response);
  });
  const listener = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${listener.address().port}/mcp`));
}
