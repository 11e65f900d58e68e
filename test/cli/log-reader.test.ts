import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogReader, cleanLine, offsetOfLast } from '../../src/cli/log-reader.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-log-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('a line of a log', () => {
  it('keeps tabs, and colours where they are wanted', () => {
    expect(cleanLine('a\t\u001b[1;31mred\u001b[0m', false)).toBe('a\tred');
    expect(cleanLine('a\t\u001b[1;31mred', true)).toBe('a\t\u001b[1;31mred\u001b[0m');
  });

  it.each([
    ['a window title', 'a\u001b]0;owned\u0007b'],
    ['a link', 'a\u001b]8;;http://evil\u001b\\b'],
    ['a title that does not end', 'ab\u001b]0;owned'],
    ['cursor movement', 'a\u001b[2J\u001b[1;1Hb'],
    ['a question to the terminal', 'a\u001b[6nb'],
    ['a question that is cut off', 'ab\u001b[?2'],
    ['a reset', 'a\u001bcb'],
    ['8-bit sequences', 'a\u009b2Jb\u0090'],
    ['bells, backspaces and deletes', '\u0007a\u0008\u007fb\u0000'],
    ['text that is turned round', 'a\u202eb\u2066'],
    ['an escape alone', 'ab\u001b'],
  ])('cannot do anything to the terminal: %s', (_name, line) => {
    expect(cleanLine(line, false)).toBe('ab');
    expect(cleanLine(line, true)).toBe('ab');
  });
});

describe('a log that grows', () => {
  it('is handed out line by line, whole, also when a character or a line comes in pieces', async () => {
    const path = join(dir, 'grows');
    const reader = new LogReader(path);
    const lines: string[] = [];
    const read = (): Promise<void> => reader.read((line) => lines.push(line));
    await read();
    expect(lines).toEqual([]);
    const bytes = Buffer.from('训练\nsecond\r\n 10%\r 20%\r');
    await writeFile(path, bytes.subarray(0, 2));
    await read();
    await appendFile(path, bytes.subarray(2));
    await read();
    await appendFile(path, ' 30%');
    await read();
    expect(lines).toEqual(['训练', 'second', ' 10%', ' 20%']);
    reader.flush((line) => lines.push(line));
    expect(lines.at(-1)).toBe(' 30%');
  });

  it('without line ends does not fill the memory', async () => {
    const path = join(dir, 'endless');
    await writeFile(path, 'x'.repeat(300_000));
    const lines: string[] = [];
    await new LogReader(path).read((line) => lines.push(line));
    expect(lines.length).toBeGreaterThan(3);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(64 * 1024);
  });

  it.each([
    ['a\nb\nc\n', 2, 'b\nc\n'],
    ['a\nb\nc', 2, 'b\nc'],
    ['a\n', 5, 'a\n'],
    ['', 5, ''],
    [`${'y'.repeat(400_000)}\nlast\n`, 1, 'last\n'],
  ])('can be begun with its last lines', async (text, count, expected) => {
    const path = join(dir, 'tail');
    await writeFile(path, text);
    expect(text.slice(await offsetOfLast(path, count))).toBe(expected);
  });

  it('that does not exist begins at its beginning', async () => {
    expect(await offsetOfLast(join(dir, 'none'), 3)).toBe(0);
  });
});
