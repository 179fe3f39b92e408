// Takes a lock on PostgreSQL, says its token, and holds it until it is killed, or has nothing more to do. With a third
// argument it also says when the lock is lost.
import { connect } from 'holdfast/postgres';

const [connectionString, name, tells] = process.argv.slice(2);
const postgres = await connect({ connectionString });
const held = await postgres.lock(name);
if (tells) held.lost.addEventListener('abort', () => process.send({ lost: true }));
process.send({ fence: held.fence });
process.on('disconnect', () => {});
