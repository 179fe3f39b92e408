/**
 * The function of the database that appends: the judge and the batch writer of this engine, and the only thing that
 * writes events. It is one statement for its caller, so a client that stops in the middle holds nothing.
 *
 * 1. The head row of the chronicle is locked until the commit. So the order of the events is that of the commits, and
 *    no reader ever sees an event before those that come before it.
 * 2. In READ COMMITTED each statement of a function sees what was committed before it began, which is all that others
 *    have appended before the lock was given: whether an id is there is exact.
 * 3. All lines are inserted at once, unless a call has a condition. Where that fails, because a line is a copy, they are
 *    inserted one by one, so that each sees those before it.
 * 4. A line of a chain has room for its link, which is put in here: what is before it is known under the lock.
 * 5. Last of all it looks whether somebody follows (listener.ts).
 */
import { withLink } from './chain-sql.js';
import { followKey } from './listener.js';

/** Fewer lines than this are inserted one by one from the start: that is no slower, and takes no subtransaction. */
const fewLines = 4;

/**
 * Parameters: the chronicle; the lines, joined by newlines; where each ends with its newline, counted from where the
 * first begins; SHA-256 of each id, one after the other, zeros for a line without id; how many of the last events are
 * looked at for an id (0: none; null: all); whether to insert the lines one by one from the start; for each call its
 * number of lines, the end that it asks for, if any, and null for all of that if no call asks; in milliseconds, how long
 * to wait for the lock; whether the commit must be durable; of a writer that keeps a chain, the property that holds ids
 * (else null), and whether a new chain begins.
 *
 * Answers, as one text with spaces between, where the chronicle ended before, where it ends now, how many microseconds
 * the lock was waited for, whether somebody is to be told that follows (0 or 1), and, of lines that were looked at one by
 * one, their fates (0: written, 1: a copy, 2: its condition is not met), where they are, and how long they are, each with
 * commas between. Columns of a row would cost the server and the driver more.
 */
export function appendFunction(schema: string): string {
  return `
CREATE FUNCTION ${schema}.append(
  p_chronicle integer, p_lines text, p_line_ends bigint[], p_hashes bytea, p_window bigint,
  p_one_by_one boolean, p_counts integer[], p_ends bigint[], p_lock_timeout integer, p_durable boolean,
  p_chain_key text, p_restarts boolean) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  zeros CONSTANT bytea := decode(repeat('00', 32), 'hex');
  lines text[] := string_to_array(p_lines, E'\\n');
  bytes bigint := p_line_ends[cardinality(p_line_ends)];
  began timestamptz := clock_timestamp();
  head record;
  began_at bigint;
  waited bigint;
  fates integer[];
  offsets bigint[];
  lengths bigint[];
  earlier_begins bigint;
  earlier_length bigint;
  call integer := 1;
  left_of_call integer;
  met boolean;
  hash bytea;
  length bigint;
  copy bigint;
  has_copies boolean;
  link text;
  is_followed boolean := false;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'appending needs the isolation level READ COMMITTED' USING ERRCODE = 'HF001';
  END IF;
  IF NOT p_durable THEN
    PERFORM set_config('synchronous_commit', 'off', true);
  ELSIF current_setting('fsync') = 'off' THEN
    RAISE EXCEPTION 'the server runs with fsync = off, so nothing that it acknowledges is durable' USING ERRCODE = 'HF002';
  ELSIF current_setting('synchronous_commit') = 'off' THEN
    RAISE EXCEPTION 'synchronous_commit is off, so what is acknowledged need not be durable' USING ERRCODE = 'HF002';
  ELSIF current_setting('synchronous_commit') = 'local' AND current_setting('synchronous_standby_names') <> '' THEN
    RAISE EXCEPTION 'synchronous_commit is local, so what is acknowledged need not have reached the standbys' USING ERRCODE = 'HF002';
  END IF;
  IF octet_length(p_lines) + 1 <> bytes OR cardinality(lines) <> cardinality(p_line_ends)
    OR octet_length(p_hashes) <> 32 * cardinality(lines) THEN
    RAISE EXCEPTION 'the lines have changed on their way: client_encoding must be UTF8' USING ERRCODE = 'HF003';
  END IF;
  PERFORM set_config('lock_timeout', p_lock_timeout::text, true);
  SELECT c.id, c.tableoid, c.ends, c.events, c.fingerprint, c.chain_link INTO head
  FROM ${schema}.chronicles c WHERE c.id = p_chronicle FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the chronicle was removed' USING ERRCODE = 'HF004';
  END IF;
  waited := extract(epoch FROM clock_timestamp() - began) * 1000000;
  IF p_chain_key IS NOT NULL THEN
    SELECT e.o_link, e.o_end INTO head.chain_link, head.ends
    FROM ${schema}.chain_end(p_chronicle, p_chain_key, p_restarts) e;
  ELSIF head.chain_link IS NOT NULL THEN
    RAISE EXCEPTION 'the chronicle has a chain' USING ERRCODE = 'HF006';
  END IF;
  began_at := head.ends;

  p_one_by_one := p_one_by_one OR cardinality(lines) < ${fewLines};
  IF NOT p_one_by_one THEN
    link := head.chain_link;
    IF p_chain_key IS NOT NULL THEN
      FOR i IN 1 .. cardinality(lines) LOOP
        link := ${schema}.link_after(link, lines[i]);
        lines[i] := ${withLink('lines[i]', 'link')};
      END LOOP;
    END IF;
    BEGIN
      INSERT INTO ${schema}.events (chronicle, begins, number, id_hash, copy, line)
      SELECT p_chronicle, head.ends + given.ends - octet_length(given.line) - 1, head.events + given.number,
        nullif(substr(p_hashes, given.number::integer * 32 - 31, 32), zeros),
        CASE WHEN p_window = 0 THEN head.events + given.number ELSE 0 END,
        given.line
      FROM unnest(lines, p_line_ends) WITH ORDINALITY AS given(line, ends, number);
      head.chain_link := link;
      head.events := head.events + cardinality(lines);
      head.ends := head.ends + bytes;
    EXCEPTION WHEN unique_violation THEN
      p_one_by_one := true;
    END;
  END IF;
  IF p_one_by_one THEN
    left_of_call := p_counts[1];
    FOR i IN 1 .. cardinality(lines) LOOP
      IF left_of_call = 0 THEN
        call := call + 1;
        left_of_call := p_counts[call];
        met := NULL;
      END IF;
      left_of_call := left_of_call - 1;
      length := octet_length(lines[i]) + 1;
      hash := nullif(substr(p_hashes, i * 32 - 31, 32), zeros);
      earlier_begins := NULL;
      has_copies := false;
      IF hash IS NOT NULL AND p_window IS DISTINCT FROM 0 THEN
        SELECT e.begins, octet_length(e.line) + 1 INTO earlier_begins, earlier_length FROM ${schema}.events e
        WHERE e.chronicle = p_chronicle AND e.id_hash = hash
          AND (p_window IS NULL OR e.number > head.events - p_window)
        ORDER BY e.copy LIMIT 1;
        IF NOT FOUND AND p_window IS NOT NULL THEN
          SELECT EXISTS (SELECT FROM ${schema}.events e
            WHERE e.chronicle = p_chronicle AND e.id_hash = hash) INTO has_copies;
        END IF;
      END IF;
      IF earlier_begins IS NOT NULL THEN
        fates[i] := 1;
        offsets[i] := earlier_begins;
        lengths[i] := earlier_length;
      ELSE
        IF p_ends[call] IS NOT NULL AND met IS NULL THEN
          met := p_ends[call] = head.ends;
          IF NOT met THEN
            -- Lines are acknowledged together with the others of their call, copies too.
            FOR j IN i - p_counts[call] + left_of_call + 1 .. i - 1 LOOP
              fates[j] := 2;
            END LOOP;
          END IF;
        END IF;
        IF met IS NOT FALSE THEN
          IF p_chain_key IS NOT NULL THEN
            head.chain_link := ${schema}.link_after(head.chain_link, lines[i]);
            lines[i] := ${withLink('lines[i]', 'head.chain_link')};
          END IF;
          copy := CASE WHEN p_window = 0 OR has_copies THEN head.events + 1 ELSE 0 END;
          INSERT INTO ${schema}.events (chronicle, begins, number, id_hash, copy, line)
          VALUES (p_chronicle, head.ends, head.events + 1, hash, copy, lines[i]);
          fates[i] := 0;
          offsets[i] := head.ends;
          lengths[i] := length;
          head.events := head.events + 1;
          head.ends := head.ends + length;
        END IF;
      END IF;
      IF met IS FALSE THEN
        fates[i] := 2;
        offsets[i] := 0;
        lengths[i] := 0;
      END IF;
    END LOOP;
  END IF;

  IF head.ends > began_at THEN
    IF head.fingerprint IS NULL THEN
      SELECT left(encode(sha256(substr(convert_to(e.line, 'UTF8'), 1, 512)), 'hex'), 12) INTO head.fingerprint
      FROM ${schema}.events e WHERE e.chronicle = p_chronicle AND e.begins = began_at;
    END IF;
    UPDATE ${schema}.chronicles c SET ends = head.ends, events = head.events, fingerprint = head.fingerprint,
      chain_link = head.chain_link, chain_key = p_chain_key
    WHERE c.id = p_chronicle;
    -- Held until the commit is done: whoever begins to follow meanwhile waits for that, and reads what was committed.
    is_followed := NOT pg_try_advisory_xact_lock(${followKey('head')});
  END IF;
  RETURN concat_ws(' ', began_at, head.ends, waited, is_followed::integer,
    array_to_string(fates, ','), array_to_string(offsets, ','), array_to_string(lengths, ','));
END
$function$`;
}
