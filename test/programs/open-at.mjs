// Opens a chronicle by its address, whatever engine keeps it: the path of a file, or
// postgres://…/database?schema=…&chronicle=…, whose parameters are not the driver's. With it comes lock(), for locks
// with fencing tokens where the chronicle is.
import { lock as lockFile, openChronicle } from 'holdfast';
import { connect } from 'holdfast/postgres';

export async function openAt(address, options) {
  if (!address.startsWith('postgres://')) {
    const chronicle = await openChronicle(address, options);
    const lock = (name, options) => lockFile(`${address}.${name}`, { fence: true, ...options });
    return { chronicle, lock, close: () => chronicle.close() };
  }
  const url = new URL(address);
  const schema = url.searchParams.get('schema');
  const name = url.searchParams.get('chronicle');
  url.search = '';
  const postgres = await connect({ connectionString: url.href, schema, max: 4 });
  const chronicle = await postgres.openChronicle(name, options);
  const lock = (name, options) => postgres.lock(name, { fence: true, ...options });
  const close = async () => {
    await chronicle.close();
    await postgres.close();
  };
  return { chronicle, lock, close };
}
