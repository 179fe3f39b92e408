/**
 * The tables, and how they come to be: steps with numbers, each of which is done once and never changed afterwards.
 * Several processes may begin at once.
 */
import { hash } from 'node:crypto';
import { HoldfastError, invalid } from '../../base/errors.js';
import { appendFunction } from './append-sql.js';
import { chainEndFunction, linkAfterFunction, linkInFunction } from './chain-sql.js';
import { codeOf, failureOf } from './failure.js';
import type { Connection, Session } from './session.js';

/** The statements of each step, in order, for a schema that is quoted. A function is made by the last that changes it. */
const steps: readonly ((schema: string) => readonly string[])[] = [
  // 1: chronicles.
  (schema) => [
    // The head of each chronicle. Room is left in its pages, because it is updated with each commit.
    `CREATE TABLE ${schema}.chronicles (
      id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      name text NOT NULL UNIQUE,
      fingerprint text,
      begins bigint NOT NULL DEFAULT 0,
      ends bigint NOT NULL DEFAULT 0,
      events bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 10)`,
    // Bytes are counted as in a file: where a line begins, the one before it has ended. 'number' counts from 1 on.
    // 'copy' is 0, unless the id was there already and the dedupe of its writer did not look for it.
    `CREATE TABLE ${schema}.events (
      chronicle integer NOT NULL,
      begins bigint NOT NULL,
      number bigint NOT NULL,
      copy bigint NOT NULL,
      appended timestamptz NOT NULL DEFAULT clock_timestamp(),
      id_hash bytea,
      line text NOT NULL,
      PRIMARY KEY (chronicle, begins)
    )`,
    `CREATE UNIQUE INDEX events_ids ON ${schema}.events (chronicle, id_hash, copy) WHERE id_hash IS NOT NULL`,
  ],
  // 2: locks. A row stays when its lock is released, because the next fencing token must be greater. 'exclusive' is how
  // it was taken last.
  (schema) => [
    `CREATE TABLE ${schema}.locks (
      id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      name text NOT NULL UNIQUE,
      fence bigint NOT NULL DEFAULT 0,
      exclusive boolean NOT NULL DEFAULT true
    ) WITH (fillfactor = 50)`,
    // Until its transaction ends, the lock is given to nobody else.
    `CREATE FUNCTION ${schema}.check_fence(p_name text, p_fence bigint) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  given bigint;
BEGIN
  SELECT l.fence INTO given FROM ${schema}.locks l WHERE l.name = p_name FOR SHARE;
  IF given > p_fence THEN
    RAISE EXCEPTION 'the token of the lock is % now', given USING ERRCODE = 'HF005';
  END IF;
  RETURN true;
END
$function$`,
  ],
  // 3: chains. The last link and the property that holds ids; null without a chain, and before its first event.
  (schema) => [
    `ALTER TABLE ${schema}.chronicles ADD COLUMN chain_link text, ADD COLUMN chain_key text`,
    linkInFunction(schema),
    linkAfterFunction(schema),
    chainEndFunction(schema),
  ],
  // 4: an append function that answers with a text; it is that of the fifth step.
  (schema) => [
    // Those of the first and third step.
    `DROP FUNCTION IF EXISTS ${schema}.append(integer, text, bigint[], bigint, bytea, bigint, boolean, integer[],
      bigint[], integer, boolean)`,
    `DROP FUNCTION IF EXISTS ${schema}.append(integer, text, bigint[], bigint, bytea, bigint, boolean, integer[],
      bigint[], integer, boolean, text, boolean)`,
  ],
  // 5: an append function that says whether somebody follows.
  (schema) => [
    // That of the fourth step had the parameters of that of the third one.
    `DROP FUNCTION IF EXISTS ${schema}.append(integer, text, bigint[], bigint, bytea, bigint, boolean, integer[],
      bigint[], integer, boolean, text, boolean)`,
    appendFunction(schema),
  ],
];

/** Makes the tables, or brings them to the version of this package. */
export async function migrate(session: Session): Promise<void> {
  try {
    const version = await session.withClient((connection) => versionOf(connection, session));
    if (version === steps.length) return;
    refuseNewer(version, session);
    await session.transaction(async (connection) => {
      // One number for each schema; held until the end of the transaction.
      await connection.query('SELECT pg_advisory_xact_lock($1, $2)', [lockClass, lockNumber(session)]);
      const now = await versionOf(connection, session);
      refuseNewer(now, session);
      if (now === undefined) await makeSchema(connection, session);
      for (let step = now ?? 0; step < steps.length; step++) {
        for (const statement of steps[step]?.(session.schema) ?? []) await connection.query(statement);
        await connection.query(`INSERT INTO ${session.schema}.migrations (step) VALUES ($1)`, [step + 1]);
      }
    });
  } catch (error) {
    if (codeOf(error) === '42501') throw missingRights(error as Error, session);
    throw error instanceof HoldfastError ? error : failureOf(error, session.schemaName);
  }
}

/** So that these locks are not those of others. */
const lockClass = 0x686f6c64;

function lockNumber({ schemaName }: Session): number {
  return Number.parseInt(hash('sha256', schemaName).slice(0, 7), 16);
}

/** How many steps were done; undefined if there are no tables. */
async function versionOf(connection: Connection, session: Session): Promise<number | undefined> {
  const [found] = await connection.query(
    `SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = 'migrations'`,
    [session.schemaName],
  );
  if (!found) return undefined;
  const [[step] = []] = await connection.query(
    `SELECT coalesce(max(step), 0) FROM ${session.schema}.migrations`,
  );
  return Number(step);
}

async function makeSchema(connection: Connection, { schema, schemaName }: Session): Promise<void> {
  const [exists] = await connection.query('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', [
    schemaName,
  ]);
  if (!exists) await connection.query(`CREATE SCHEMA ${schema}`);
  await connection.query(
    `CREATE TABLE ${schema}.migrations (step integer PRIMARY KEY, done timestamptz NOT NULL DEFAULT now())`,
  );
}

function refuseNewer(version: number | undefined, { schemaName }: Session): void {
  if (version === undefined || version <= steps.length) return;
  throw invalid(
    'schema',
    `the tables in '${schemaName}' are of version ${version}, and this holdfast knows ${steps.length}: update it`,
  );
}

function missingRights(cause: Error, { schemaName }: Session): HoldfastError {
  return invalid(
    'schema',
    `this user may not make or use the tables in '${schemaName}' (${cause.message}): connect once as a user who may ` +
      'CREATE in the database, and grant this one what docs/postgres.md lists',
    cause,
  );
}
