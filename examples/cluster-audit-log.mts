/**
 * An HTTP server in a cluster whose workers share one audit log. Clients may send an order again when they heard no
 * answer: the key that they send with it is the id of the event, so that the order is in the log once, whichever worker
 * gets it, and whichever of them is killed meanwhile.
 *
 *   npm run compile && node dist/examples/cluster-audit-log.mjs audit.ndjson 8080
 *   curl -i -H 'Idempotency-Key: 17' -d '{"item":"tea"}' localhost:8080
 *
 * answers 201 the first time, and 200 with the same order from then on.
 */
import cluster from 'node:cluster';
import { createServer, type IncomingMessage } from 'node:http';
import { availableParallelism } from 'node:os';
import { text } from 'node:stream/consumers';
import { openChronicle } from 'holdfast';

const [path = 'audit.ndjson', port = '8080'] = process.argv.slice(2);

interface Order {
  readonly eventId: string;
  readonly order: unknown;
  readonly at: string;
}

function keyOf(request: IncomingMessage): string | undefined {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' && key !== '' ? key : undefined;
}

async function work(): Promise<void> {
  // However late a client asks again: all ids count, not only the last ones.
  const audit = await openChronicle<Order>(path, { dedupe: 'all' });
  const server = createServer(async (request, response) => {
    try {
      const eventId = keyOf(request);
      const order: unknown = JSON.parse(await text(request));
      if (eventId === undefined) throw new SyntaxError('send an Idempotency-Key');
      // On the disk before the client is told.
      const { duplicate } = await audit.append({ eventId, order, at: new Date().toISOString() });
      const stored = await audit.find(eventId);
      response.writeHead(duplicate ? 200 : 201).end(JSON.stringify(stored?.event));
    } catch (error) {
      response.writeHead(error instanceof SyntaxError ? 400 : 503).end((error as Error).message);
    }
  });
  server.listen(Number(port));
}

if (cluster.isPrimary) {
  for (let n = 0; n < Math.max(2, availableParallelism()); n++) cluster.fork();
  cluster.on('exit', () => cluster.fork());
  cluster.on('listening', ({ process: { pid } }, address) => {
    console.log(`worker ${pid} listens on ${address.port}`);
  });
} else {
  await work();
}
