/**
 * The functions of the database that keep a chain: the same links, over the same bytes, as lib/event/chain-link.ts has
 * them. The head row holds the last link, so that a chain goes on where all events were removed as too old, and so that
 * it shows when the last ones were taken out.
 */
import { linkKey, noLink } from '../../event/chain-link.js';

const start = `,"${linkKey}":"`;
/** Of the digits and what is after them; all of it is ASCII, and so one byte for each character. */
const digitsLength = noLink.length + 2;
const suffixLength = start.length + digitsLength;

/** Answers with the link that a line carries; null without one. */
export function linkInFunction(schema: string): string {
  return `
CREATE FUNCTION ${schema}.link_in(p_line text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT substring(right(p_line, ${suffixLength}) FROM '^${start}([0-9a-f]{${noLink.length}})"[}]$')
$function$`;
}

/** Answers with the link that a line should carry after this one; null where that is null. */
export function linkAfterFunction(schema: string): string {
  return `
CREATE FUNCTION ${schema}.link_after(p_before text, p_line text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT encode(sha256(convert_to(p_before || left(p_line, -${suffixLength}) || '}', 'UTF8')), 'hex')
$function$`;
}

/** The SQL for a line that carries `link`. */
export function withLink(line: string, link: string): string {
  return `left(${line}, -${digitsLength}) || ${link} || '"}'`;
}

/**
 * Parameters: the chronicle, whose head row is locked; the property that holds ids; whether a new chain begins, whatever
 * there is of an old one.
 *
 * Answers with the link to go on from, and where the next line is put.
 */
export function chainEndFunction(schema: string): string {
  return `
CREATE FUNCTION ${schema}.chain_end(
  p_chronicle integer, p_key text, p_restarts boolean, OUT o_link text, OUT o_end bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  no_link CONSTANT text := '${noLink}';
  head record;
  last record;
  before text;
  holds boolean;
BEGIN
  SELECT c.begins, c.ends, c.events, c.chain_link, c.chain_key INTO head FROM ${schema}.chronicles c
  WHERE c.id = p_chronicle;
  SELECT e.begins, e.begins + octet_length(e.line) + 1 AS ends, e.line, ${schema}.link_in(e.line) AS link INTO last
  FROM ${schema}.events e WHERE e.chronicle = p_chronicle ORDER BY e.begins DESC LIMIT 1;
  IF head.chain_key <> p_key THEN
    RAISE EXCEPTION 'the ids of the chain are under another key' USING ERRCODE = 'HF008';
  END IF;
  o_link := no_link;
  o_end := head.ends;
  IF p_restarts THEN
    o_end := greatest(head.ends, last.ends);
  ELSIF head.events > 0 OR last.ends IS NOT NULL THEN
    IF head.chain_link IS NULL AND last.link IS NULL THEN
      RAISE EXCEPTION 'the last event has no link' USING ERRCODE = 'HF007';
    END IF;
    o_link := head.chain_link;
    IF last.ends IS NULL THEN
      holds := head.begins = head.ends; -- all were removed as too old
    ELSIF last.ends = head.ends AND last.link = head.chain_link THEN
      SELECT ${schema}.link_in(e.line) INTO before FROM ${schema}.events e
      WHERE e.chronicle = p_chronicle AND e.begins < last.begins ORDER BY e.begins DESC LIMIT 1;
      holds := CASE
        WHEN FOUND THEN ${schema}.link_after(before, last.line) = last.link
        WHEN last.begins = 0 THEN ${schema}.link_after(no_link, last.line) = last.link
        ELSE last.begins = head.begins -- the one before it was removed as too old
      END OR (last.line LIKE '{"chainRestart":%' AND ${schema}.link_after(no_link, last.line) = last.link);
    END IF;
    IF holds IS NOT TRUE THEN
      RAISE EXCEPTION 'the last link is not that of the last event' USING ERRCODE = 'HF009';
    END IF;
  END IF;
END
$function$`;
}
