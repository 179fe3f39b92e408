/**
 * Checking events with a schema: any validator that follows Standard Schema (https://standardschema.dev), as
 * those of zod, valibot and arktype do. A schema only checks. What is written and read is the event as it is,
 * not what the validator makes of it.
 */
import { describe, readFrom } from '../base/arguments.js';
import { invalid } from '../base/errors.js';

/**
 * The part of Standard Schema, version 1, that is needed here. A chronicle that is opened with one is typed by
 * its input.
 *
 * @example
 *   const Order = z.object({ type: z.literal('order'), number: z.number() }); // zod
 *   const orders = await openChronicle('orders.ndjson', { schema: Order });
 */
export interface Schema<Input = unknown> {
  /** What the specification asks of every schema. */
  readonly '~standard': StandardSchema<Input>;
}

/** What Standard Schema asks of a schema. */
export interface StandardSchema<Input = unknown> {
  /** Of the specification. */
  readonly version: 1;
  /** Looks at a value, at once or with a promise. */
  readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>;
  /** For TypeScript only: no schema has it at run time. */
  readonly types?: SchemaTypes<Input> | undefined;
}

/** What a schema takes, and what it makes of it. */
export interface SchemaTypes<Input = unknown> {
  /** The type of the values that it takes, and of the events that are appended and read. */
  readonly input: Input;
  /** The type that it makes of them, which is not used here. */
  readonly output: unknown;
}

/** A validator's answer. */
export interface SchemaResult {
  /** What is wrong; undefined if nothing is. */
  readonly issues?: readonly SchemaIssue[] | undefined;
}

/** Something that is wrong with a value. */
export interface SchemaIssue {
  /** In words, for people. */
  readonly message: string;
  /** Where it is, from the outside to the inside. Undefined: the value as a whole. */
  readonly path?: readonly (PropertyKey | SchemaPathSegment)[] | undefined;
}

/** A step of a path, as some validators write it. */
export interface SchemaPathSegment {
  /** The name of the property, or the index. */
  readonly key: PropertyKey;
}

export function checkSchema(schema: unknown): Schema | undefined {
  if (schema === undefined) return undefined;
  // A function may be one too (arktype).
  const isObject = (typeof schema === 'object' && schema !== null) || typeof schema === 'function';
  if (!isObject || !isStandard(schema as Partial<Schema>))
    throw invalid('schema', `expected a Standard Schema, version 1, got ${describe(schema)}`);
  return schema as Schema;
}

function isStandard(schema: Partial<Schema>): schema is Schema {
  return readFrom('schema', () => {
    const standard = schema['~standard'];
    return standard?.version === 1 && typeof standard.validate === 'function';
  });
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
