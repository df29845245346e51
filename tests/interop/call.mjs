// What both clients share; it stands before v1_client.mjs or v2_client.mjs when node reads them as one module:
// node --input-type=module - TARGET REQUEST, both JSON:
//   TARGET   {url} or {command, args, cwd}
//   REQUEST  {name, arguments, capabilities, era}
// Calls one tool and prints {version, asked, result} or {version, asked, error}; `asked` holds the parameters of every
// sampling request, in order.

const [target, request] = process.argv.slice(2).map((text) => JSON.parse(text));
const asked = [];

// Uses the first tool that is offered, with every number of the question; without one, says the question back.
function answer(params) {
  asked.push(params);
  const last = params.messages.at(-1).content;
  const block = Array.isArray(last) ? last[0] : last;
  const said = { role: "assistant", model: "script" };
  if (block.type === "tool_result") {
    return { ...said, content: { type: "text", text: `It is ${block.content[0].text}.` }, stopReason: "endTurn" };
  }
  if (params.tools?.length) {
    const input = { numbers: block.text.match(/\d+/g).map(Number) };
    return {
      ...said,
      content: { type: "tool_use", id: "use-1", name: params.tools[0].name, input },
      stopReason: "toolUse",
    };
  }
  return { ...said, content: { type: "text", text: `<${block.text}>` }, stopReason: "endTurn" };
}

async function call(client, transport, version) {
  await client.connect(transport);
  try {
    const result = await client.callTool({ name: request.name, arguments: request.arguments });
    console.log(JSON.stringify({ version: version(), asked, result }));
  } catch ({ code, message, data }) {
    console.log(JSON.stringify({ version: version(), asked, error: { code, message, data } }));
  } finally {
    await client.close();
  }
}
