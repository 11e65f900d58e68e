/**
 * The value of a JSON text, or undefined where it is none. Python's json writes NaN and Infinity as bare words, which no
 * JSON has: each counts as null. Without this a diverging run would look like a hanging one, and a server that computes
 * NaN like one that is gone.
 */
export function parseLoosely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    try {
      // A text in quotes stays as it is, whatever it says.
      return JSON.parse(text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g, (token) => (token.startsWith('"') ? token : 'null')));
    } catch {
      return undefined;
    }
  }
}
