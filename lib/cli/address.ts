/**
 * Addresses of what is on a server, which the command takes in place of a file: `postgres://host/db?chronicle=orders`, and
 * `?lock=nightly`. What is behind the question mark and is not ours is the driver's.
 */
import { invalid } from '../base/errors.js';

export interface Address {
  /** Of the chronicle or lock: what messages and reports call it, since the rest may hold a password. */
  readonly name: string;
  readonly schema: string | undefined;
  /** For the driver. It may hold a password. */
  readonly connectionString: string;
}

type Kind = 'chronicle' | 'lock';

/**
 * Undefined for what is no address, and so a file.
 *
 * @param kind what it is to name
 * @param field the argument, for errors
 */
export function addressIn(text: string, kind: Kind, field = 'file'): Address | undefined {
  // Of another kind than it should be, one may hold a password too: it is no path, which messages would show.
  if (!/^[a-z][a-z+.-]+:\/\//i.test(text)) return undefined;
  if (!/^postgres(?:ql)?:\/\//.test(text)) throw invalid(field, 'an address begins with postgres://');
  const [server = '', ...rest] = text.split('?');
  const parameters = new URLSearchParams(rest.join('?'));
  const take = (name: string) => {
    const values = parameters.getAll(name);
    parameters.delete(name);
    if (values.length > 1) throw invalid(field, `names more than one ${name}`);
    return values[0];
  };
  const schema = take('schema');
  const names = { chronicle: take('chronicle'), lock: take('lock') };
  const { [kind]: name } = names;
  const other = kind === 'lock' ? 'chronicle' : 'lock';
  if (names[other] !== undefined) throw invalid(field, `names a ${other}, and this command is for a ${kind}`);
  if (!name) throw invalid(field, `names no ${kind}: postgres://host/database?${kind}=NAME`);
  // From ps(1), and from those who list who holds a lock.
  process.title = `holdfast ${process.argv[2]} ${name}`;
  const more = parameters.size > 0 ? `?${parameters}` : '';
  return { name, schema, connectionString: server + more };
}

/** As {@link addressIn}, for what has to be one. */
export function addressOf(text: string, field: string): Address {
  const address = addressIn(text, 'chronicle', field);
  if (address) return address;
  throw invalid(field, 'expected postgres://host/database?chronicle=NAME');
}

/** For commands and arguments that are for files only. */
export function refuseAddress(text: string, why: string): void {
  if (addressIn(text, 'chronicle')) throw invalid('file', why);
}

/** For `--current`. */
export function noFiles(): Error {
  return invalid('files', 'there are no files on PostgreSQL: leave it out');
}
