/**
 * Values of which JSON loses what tells them apart: an Error, a Map and a Promise become `{}`, NaN becomes null. An
 * id that is computed from such JSON would be that of another event, which is then taken for the same one (C5). So
 * the event is refused, with the path of the value. What is left of a Date, a Buffer or an object with `toJSON` is
 * what its maker wants of it, and a property that is undefined or a function is none, as JSON has it. -0 is 0, as for
 * `===`, for RFC 8785 and for whatever reads the line: it comes from rounding, and nobody means it.
 *
 * Nearly every event costs one look at the kinds of its values. Only where that leaves a doubt, a second
 * `JSON.stringify` looks at every value as JSON has it.
 */
import { types } from 'node:util';
import { invalid } from '../base/errors.js';
import { hasExactNumbers } from './exact-numbers.js';

/** What a value is, and what to give in place of it. */
type Lost = readonly [kind: string, advice: string];

/** @param text the event's JSON */
export function assertToldApart(event: object, text: string, field: string): void {
  if (!mayLoseSomething(event, text)) return;
  let isLost = false;
  JSON.stringify(event, function (this: object, key, value: unknown) {
    isLost ||= lostOf(value, this, key) !== undefined;
    return value;
  });
  if (isLost) throwWithPath(event, field);
}

function throwWithPath(event: object, field: string): void {
  const paths = new WeakMap<object, string>();
  JSON.stringify(event, function (this: object, key, value: unknown) {
    const holder = paths.get(this);
    const path = holder === undefined ? field : holder + step(this, key);
    if (typeof value === 'object' && value !== null) paths.set(value, path);
    const lost = lostOf(value, this, key);
    if (lost) throw refused(path, lost);
    return value;
  });
}

/** Refuses what is plainly no event, whatever id it would get: a Map is not the event `{}`. */
export function assertMayBeEvent(event: object, text: string | undefined, field: string): void {
  if (isPlain(event)) return;
  const lost = builtIn(event) ?? (types.isUint8Array(event) ? bytes : undefined);
  const isOthers =
    lost === undefined || (hasToJson(event) && !types.isDate(event) && !types.isUint8Array(event));
  if (!isOthers) throw invalid(field, `expected an object with properties, got ${lost[0]}: ${lost[1]}`);
  if (text === '{}' && !hasToJson(event) && Object.keys(event).length === 0) {
    throw invalid(field, `expected an object with properties, got ${instance(event)[0]} without any`);
  }
}

function refused(path: string, [kind, advice]: Lost): Error {
  const problem = `the JSON of ${kind} is that of another value too, so another event would have the same id`;
  return invalid(path, `${problem}: ${advice}, or give the event an id of its own`);
}

/**
 * Whether JSON may have lost something of an object. A look at the kinds of the values: it calls nothing of the event's
 * but getters, and says yes if in doubt, as for what only a `toJSON` knows.
 */
function mayLoseSomething(value: object, text: string): boolean {
  if (Array.isArray(value)) {
    for (const item of value) if (isNoValue(item) || mayLose(item, text)) return true;
    return false;
  }
  const isOfClass = Object.getPrototypeOf(value) !== Object.prototype;
  if (isOfClass) {
    // Some of these have null or {} for their JSON.
    if (types.isDate(value)) return text.includes('null') || text.includes('{}');
    if (isRawJson(value) || builtIn(value)) return true;
    if (types.isArrayBufferView(value)) return text.includes('null') || text.includes('{}');
  }
  if (hasToJson(value)) return true;
  let isEmpty = true;
  // Makes no array of the keys, which is faster.
  for (const key in value) {
    if (isOfClass && !Object.hasOwn(value, key)) continue;
    if (mayLose((value as { [key: string]: unknown })[key], text)) return true;
    isEmpty = false;
  }
  return isEmpty && isOfClass;
}

function mayLose(value: unknown, text: string): boolean {
  switch (typeof value) {
    case 'object':
      return value !== null && mayLoseSomething(value, text);
    case 'number':
      return !Number.isFinite(value);
    case 'function':
      return hasToJson(value);
    default:
      // It has a JSON only by a toJSON.
      return typeof value === 'bigint';
  }
}

/** What is no property of an object, and null in an array. */
function isNoValue(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol';
}

/** What is lost of a value that JSON writes as the property `key` of `holder`. */
function lostOf(value: unknown, holder: object, key: string): Lost | undefined {
  if (isNoValue(value)) {
    if (!Array.isArray(holder)) return undefined;
    return [`${value === undefined ? 'undefined' : `a ${typeof value}`} in an array`, 'give null'];
  }
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : [String(value), 'give null or a string'];
  }
  if (typeof value !== 'object') return undefined;
  return value === null ? lostByToJson(holder, key) : lostOfObject(value);
}

/** An invalid date has null for its JSON. */
function lostByToJson(holder: object, key: string): Lost | undefined {
  const given: unknown = Object.getOwnPropertyDescriptor(holder, key)?.value;
  return types.isDate(given) && Number.isNaN(given.getTime())
    ? ['an invalid Date', 'give null or a string']
    : undefined;
}

function lostOfObject(value: object): Lost | undefined {
  if (isRawJson(value)) {
    if (hasExactNumbers((value as { rawJSON: string }).rawJSON)) return undefined;
    return ['a number with more digits than a double has', 'give it as a string'];
  }
  if (Array.isArray(value) || isPlain(value)) return undefined;
  if (types.isNumberObject(value)) {
    return Number.isFinite(Number(value))
      ? undefined
      : ['a number that is not finite', 'give null or a string'];
  }
  if (types.isStringObject(value) || types.isBooleanObject(value)) return undefined;
  const lost = builtIn(value);
  if (lost) return lost;
  return Object.keys(value).length === 0 ? instance(value) : undefined;
}

const asBase64 = "give its bytes as text, as Buffer.from(…).toString('base64') makes it";
const bytes: Lost = ['bytes', asBase64];

function builtIn(value: object): Lost | undefined {
  if (types.isNativeError(value)) return ['an Error', 'give { message, stack } of it'];
  if (types.isMap(value)) return ['a Map', 'give Object.fromEntries(map) or [...map]'];
  if (types.isSet(value)) return ['a Set', 'give [...set]'];
  if (types.isPromise(value)) return ['a Promise', 'await it'];
  if (types.isDate(value)) return ['a Date', 'give it as a property'];
  if (types.isRegExp(value)) return ['a RegExp', 'give its source'];
  if (types.isAnyArrayBuffer(value) || types.isDataView(value)) return ['bytes in an ArrayBuffer', asBase64];
  if (types.isTypedArray(value) && value.length === 0) return ['an empty typed array', 'give []'];
  if (types.isWeakMap(value) || types.isWeakSet(value)) return ['a weak collection', 'give what it holds'];
  if (types.isGeneratorObject(value) || types.isMapIterator(value) || types.isSetIterator(value)) {
    return ['an iterator', 'give [...iterator]'];
  }
  if (types.isBoxedPrimitive(value)) return ['an object of a primitive value', 'give the value'];
  return undefined;
}

function instance(value: object): Lost {
  const name: unknown = value.constructor?.name;
  const kind =
    typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object with a prototype';
  return [kind, 'give an object with what it holds as properties'];
}

/** An object as `{}` or `JSON.parse` make it, in whatever realm: its prototype is the last one. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function hasToJson(value: object): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

const isRawJson = (JSON as { isRawJSON?: (value: unknown) => boolean }).isRawJSON ?? (() => false);

/** From an object or array to what is in it, as JavaScript would write it. */
function step(holder: object, key: string): string {
  if (Array.isArray(holder)) return `[${key}]`;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
