// Takes a lock on PostgreSQL, says its token, and holds it until it is killed, or has nothing more to do.
import { connect } from 'holdfast/postgres';

const [connectionString, name] = process.argv.slice(2);
const postgres = await connect({ connectionString });
const { fence } = await postgres.lock(name);
process.send({ fence });
process.on('disconnect', () => {});
