/**
 * A transport that lets winston, in several processes, write to one durable log: thirty lines on top of
 * `holdfast/pino`, which takes lines of any logger.
 *
 *   npm run compile && node dist/examples/winston-transport.mjs
 *
 * logs three lines to log.ndjson and prints them. In a project of your own, copy the class.
 */
import { fileURLToPath } from 'node:url';
import { readChronicle } from 'holdfast';
import logTo from 'holdfast/pino';
import winston from 'winston';
import Transport from 'winston-transport';

/** What winston makes of a call: an object, and its text under a symbol. */
interface Info {
  readonly [message: symbol]: unknown;
}

export class HoldfastTransport extends Transport {
  readonly #log: logTo.Log;

  constructor(options: logTo.Options & Transport.TransportStreamOptions) {
    const { level, format, silent, ...log } = options;
    super({ ...(level && { level }), ...(format && { format }), ...(silent && { silent }) });
    this.#log = logTo(log);
    this.#log.on('error', (error) => this.emit('error', error));
  }

  override log(info: Info, next: () => void): void {
    setImmediate(() => this.emit('logged', info));
    // When it is full, the next line waits until there is room.
    if (this.#log.write(`${info[Symbol.for('message')]}\n`)) next();
    else this.#log.once('drain', next);
  }

  /** winston waits for it: `logger.end()` and then `finish` means that everything is in the file. */
  override _final(callback: (error?: Error | null) => void): void {
    this.#log.once('close', callback).end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = process.argv[2] ?? 'log.ndjson';
  const logger = winston.createLogger({
    format: winston.format.json(),
    transports: [new HoldfastTransport({ path })],
  });
  for (const number of [1, 2, 3]) logger.info('hello', { number });
  const transport = logger.transports[0] as HoldfastTransport;
  transport.on('finish', async () => console.log(await readChronicle(path)));
  logger.end();
}
