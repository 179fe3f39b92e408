/**
 * Checking events with a schema: any validator that follows Standard Schema (https://standardschema.dev), as
 * those of zod, valibot and arktype do. A schema only checks. What is written and read is the event as it is,
 * not what the validator makes of it.
 */
import { describe } from '../base/arguments.js';
import { invalid } from '../base/errors.js';

/** The part of Standard Schema, version 1, that is needed here. */
export interface Schema<Input = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>;
    readonly types?: { readonly input: Input; readonly output: unknown } | undefined;
  };
}

export interface SchemaResult {
  readonly issues?: readonly SchemaIssue[] | undefined;
}

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export function checkSchema(schema: unknown): Schema | undefined {
  if (schema === undefined) return undefined;
  // A function may be one too (arktype).
  const isObject = (typeof schema === 'object' && schema !== null) || typeof schema === 'function';
  const standard = isObject ? (schema as Partial<Schema>)['~standard'] : undefined;
  if (standard?.version !== 1 || typeof standard.validate !== 'function') {
    throw invalid('schema', `expected a Standard Schema, version 1, got ${describe(schema)}`);
  }
  return schema as Schema;
}

/**
 * Throws `EVALIDATION` with the path of the first field that is wrong; if the validator does not answer at
 * once, returns a promise that rejects with it.
 *
 * @param text the JSON of the event, as it will be written
 */
export function validate(text: string, field: string, schema: Schema): Promise<void> | undefined {
  const result = schema['~standard'].validate(JSON.parse(text));
  if (!isPromise(result)) {
    assertValid(result, field);
    return undefined;
  }
  const validation = result.then((settled) => assertValid(settled, field));
  validation.catch(() => {}); // whoever appends the event sees it
  return validation;
}

/** For appendSync: throws if the validator answered with a promise. */
export function assertSynchronous({ validation }: { readonly validation?: Promise<void> }): void {
  if (validation)
    throw invalid('schema', 'its validator answers with a promise, which appendSync cannot wait for');
}

/** For each event, whether it fails the schema. */
export async function areInvalid(events: readonly object[], schema: Schema): Promise<boolean[]> {
  const results = events.map((event) => schema['~standard'].validate(event));
  const settled = results.some(isPromise) ? await Promise.all(results) : (results as SchemaResult[]);
  return settled.map(({ issues }) => issues !== undefined);
}

function assertValid({ issues }: SchemaResult, field: string): void {
  if (issues === undefined) return;
  const [first] = issues;
  const path = (first?.path ?? []).map((segment) =>
    pathPart(typeof segment === 'object' ? segment.key : segment),
  );
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  throw invalid(field + path.join(''), `${first?.message ?? 'refused by the schema'}${more}`);
}

function pathPart(key: PropertyKey): string {
  return typeof key === 'number' ? `[${key}]` : `.${String(key)}`;
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | undefined)?.then === 'function';
}
