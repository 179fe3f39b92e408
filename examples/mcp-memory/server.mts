/**
 * An MCP server that gives a model a memory, with the tools of the public reference server, for any number of clients at
 * once: none of them overwrites what another one wrote (graph.mts says how).
 *
 *   npm run compile && MEMORY_FILE_PATH=memory.jsonl node dist/examples/mcp-memory/server.mjs
 *
 * speaks MCP on standard input and output. In a client's configuration it stands where the reference server stood, and takes
 * over its file.
 */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import * as z from 'zod';
import { Memory } from './graph.mjs';

const memory = new Memory(process.env.MEMORY_FILE_PATH ?? 'memory.jsonl');
const server = new McpServer({ name: 'holdfast-memory', version: '1.0.0' });

const strings = z.array(z.string());
const entity = z.object({ name: z.string(), entityType: z.string(), observations: strings });
const relation = z.object({ from: z.string(), to: z.string(), relationType: z.string() });

/** What a tool answers: the result of its work as JSON. */
async function answer(work: Promise<unknown>): Promise<{ content: { type: 'text'; text: string }[] }> {
  const text = JSON.stringify((await work) ?? 'done');
  return { content: [{ type: 'text', text }] };
}

server.registerTool(
  'create_entities',
  {
    description: 'Create entities; those that exist stay as they are',
    inputSchema: { entities: z.array(entity) },
  },
  ({ entities }) => answer(memory.createEntities(entities)),
);
server.registerTool(
  'create_relations',
  {
    description: 'Create relations between entities, in active voice',
    inputSchema: { relations: z.array(relation) },
  },
  ({ relations }) => answer(memory.createRelations(relations)),
);
server.registerTool(
  'add_observations',
  {
    description: 'Add observations to entities that exist',
    inputSchema: { observations: z.array(z.object({ entityName: z.string(), contents: strings })) },
  },
  ({ observations }) => answer(memory.addObservations(observations)),
);
server.registerTool(
  'delete_entities',
  { description: 'Delete entities, and their relations', inputSchema: { entityNames: strings } },
  ({ entityNames }) => answer(memory.deleteEntities(entityNames)),
);
server.registerTool(
  'delete_observations',
  {
    description: 'Delete observations of entities',
    inputSchema: { deletions: z.array(z.object({ entityName: z.string(), observations: strings })) },
  },
  ({ deletions }) => answer(memory.deleteObservations(deletions)),
);
server.registerTool(
  'delete_relations',
  { description: 'Delete relations', inputSchema: { relations: z.array(relation) } },
  ({ relations }) => answer(memory.deleteRelations(relations)),
);
server.registerTool('read_graph', { description: 'Read everything' }, () => answer(memory.read()));
server.registerTool(
  'search_nodes',
  { description: 'Find entities by name, type and observations', inputSchema: { query: z.string() } },
  ({ query }) => answer(memory.search(query)),
);
server.registerTool(
  'open_nodes',
  { description: 'Read entities by name', inputSchema: { names: strings } },
  ({ names }) => answer(memory.open(names)),
);

await server.connect(new StdioServerTransport());
