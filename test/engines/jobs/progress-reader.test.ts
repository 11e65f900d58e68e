import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { insideOf, LineReader, parseProgressLine, ProgressMerger } from '../../../src/engines/jobs/progress-reader.js';

describe('a line of progress', () => {
  it('may tell a step, a phase, an address and a checkpoint', () => {
    expect(parseProgressLine('{"step":3,"total":10,"metrics":{"loss":0.5}}')).toEqual({ step: 3, total: 10, metrics: { loss: 0.5 } });
    expect(parseProgressLine('{"phase":"saving"}')).toEqual({ phase: 'saving' });
    expect(parseProgressLine('{"ready":{"url":"http://127.0.0.1:1"}}')).toEqual({ readyUrl: 'http://127.0.0.1:1' });
    expect(parseProgressLine('{"checkpoint":{"step":3,"path":"a","format":"hf"}}')).toEqual({ checkpoint: { step: 3, path: 'a', format: 'hf' } });
  });

  it('may tell a verdict; one of another value is inconclusive, never a pass, and its reasons are few', () => {
    expect(parseProgressLine('{"verdict":{"value":"pass","reasons":["same"]}}')).toEqual({ verdict: { value: 'pass', reasons: ['same'] } });
    expect(parseProgressLine('{"verdict":{"value":"PASS"}}')).toEqual({ verdict: { value: 'inconclusive', reasons: ['the job gave the verdict "PASS", which is none of pass, fail, inconclusive'] } });
    expect(parseProgressLine('{"verdict":{}}')?.verdict?.value).toBe('inconclusive');
    const long = parseProgressLine(JSON.stringify({ verdict: { value: 'fail', reasons: Array.from({ length: 9 }, () => 'x'.repeat(1000)) } }))?.verdict;
    expect(long?.reasons.map((reason) => reason.length)).toEqual([300, 300, 300, 300, 300]);
    for (const line of ['{"verdict":"pass"}', '{"ready":{"url":"file:///etc/passwd"}}']) expect(parseProgressLine(line), line).toBeUndefined();
  });

  it('is ignored where it says nothing that the contract knows', () => {
    for (const line of ['', 'epoch 1', '[]', '5', 'null', '{}', '{"step":"3"}', '{"checkpoint":{"step":-1,"path":"a"}}', '{"checkpoint":{"path":"a"}}', '{"ste']) {
      expect(parseProgressLine(line), line).toBeUndefined();
    }
  });

  it('keeps its step when a metric is no number, as Python writes it', () => {
    expect(parseProgressLine('{"step": 4, "metrics": {"loss": NaN, "grad": -Infinity, "lr": 0.1}}')).toEqual({ step: 4, metrics: { lr: 0.1 } });
    expect(parseProgressLine('{"phase":"loss: NaN, again","metrics":{"loss":NaN,"lr":1}}')).toEqual({ phase: 'loss: NaN, again', metrics: { lr: 1 } });
  });
});

describe('reading a progress file', () => {
  let place: string;
  let file: string;
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'modelferry-progress-'));
    file = join(place, 'progress.jsonl');
  });
  afterEach(() => rmSync(place, { recursive: true, force: true }));

  it('gives each line once, and an unfinished one when it is finished', () => {
    const reader = new LineReader(file);
    expect(reader.read({ final: false })).toEqual([]);
    appendFileSync(file, 'one\ntw');
    expect(reader.read({ final: false })).toEqual(['one']);
    appendFileSync(file, 'o\n\nthree');
    expect(reader.read({ final: false })).toEqual(['two']);
    expect(reader.read({ final: true })).toEqual(['three']);
    expect(reader.read({ final: true })).toEqual([]);
  });

  it('keeps a character whole that two readings cut in half', () => {
    const reader = new LineReader(file);
    const bytes = Buffer.from('ä\n');
    appendFileSync(file, bytes.subarray(0, 1));
    reader.read({ final: false });
    appendFileSync(file, bytes.subarray(1));
    expect(reader.read({ final: false })).toEqual(['ä']);
  });

  it('skips and counts a line that never ends, and goes on after it', () => {
    const reader = new LineReader(file);
    appendFileSync(file, 'x'.repeat(700_000));
    expect(reader.read({ final: false })).toEqual([]);
    appendFileSync(file, `${'x'.repeat(70_000)}\nnext\n`);
    expect(reader.read({ final: false })).toEqual(['next']);
    expect(reader.ignored).toBe(1);
  });

  it('starts over when the program truncates the file', () => {
    const reader = new LineReader(file);
    appendFileSync(file, 'first line\n');
    reader.read({ final: false });
    writeFileSync(file, 'anew\n');
    expect(reader.read({ final: false })).toEqual(['anew']);
  });
});

describe('merged progress', () => {
  it('keeps step and metrics when the newest line is a phase, and drops the phase at the next step', () => {
    const merger = new ProgressMerger();
    merger.merge([{ step: 5, total: 9, metrics: { loss: 1 } }, { phase: 'saving' }], 1_000);
    expect(merger.progress).toEqual({ step: 5, total: 9, metrics: { loss: 1 }, phase: 'saving', at: '1970-01-01T00:00:01.000Z' });
    merger.merge([{ step: 6 }], 2_000);
    expect(merger.progress?.phase).toBeUndefined();
    expect(merger.progress).toMatchObject({ step: 6, metrics: { loss: 1 }, stepsPerSecond: 1 });
  });

  it('measures its rate over the newest minute, and anew after a rollback', () => {
    const merger = new ProgressMerger();
    for (let second = 0; second <= 100; second += 1) merger.merge([{ step: second < 50 ? second : 50 + (second - 50) * 10 }], second * 1_000);
    for (let second = 101; second <= 170; second += 1) merger.merge([{ step: 550 + (second - 100) * 2 }], second * 1_000);
    expect(merger.progress?.stepsPerSecond).toBe(2);
    merger.merge([{ step: 100 }], 171_000);
    merger.merge([{ step: 105 }], 172_000);
    expect(merger.progress?.stepsPerSecond).toBe(5);
  });
});

describe('an announced path', () => {
  it('must be strictly inside its directory', () => {
    expect(insideOf('/c', '/c/step-1')).toBe('/c/step-1');
    expect(insideOf('/c', 'step-1')).toBe('/c/step-1');
    expect(insideOf('/c', '..data/x')).toBe('/c/..data/x');
    for (const path of ['/c', '.', '..', '../c2', '/cc/x', '/c/../x', '/etc']) expect(insideOf('/c', path), path).toBeUndefined();
  });
});
