/** Parses JSON; a byte order mark before it, as editors of Windows write one, is skipped. Throws a SyntaxError. */
export function parseJson(text: string): unknown {
  return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text) as unknown;
}
