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
      return JSON.parse(text.replace(/(?<=[:,[]\s*)-?(?:NaN|Infinity)(?=\s*[,}\]])/g, 'null'));
    } catch {
      return undefined;
    }
  }
}
