/**
 * Events of a given size, no two of them alike.
 */

/**
 * @param {number} bytes the length of the event's JSON
 * @param {string} source makes the events of several processes differ
 * @returns {() => object}
 */
export function eventSource(bytes, source) {
  let number = 1e9;
  const frame = JSON.stringify({ number, source, type: 'measured', text: '' });
  const text = 'x'.repeat(Math.max(0, bytes - frame.length));
  return () => ({ number: ++number, source, type: 'measured', text });
}
