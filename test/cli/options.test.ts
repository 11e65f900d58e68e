import { describe, expect, it } from 'vitest';
import { currentUser, parsePairs } from '../../src/cli/options.js';

describe('--set', () => {
  it('takes JSON where it is valid JSON, else the text', () => {
    expect(parsePairs(['a=1', 'b=true', 'c=null', 'd="1"', 'e=[1,2]', 'f=bf16', 'g=', 'h=x=y'], '--set')).toEqual({ a: 1, b: true, c: null, d: '1', e: [1, 2], f: 'bf16', g: '', h: 'x=y' });
  });

  it('refuses a pair without a name, and a name twice', () => {
    expect(() => parsePairs(['=1'], '--set')).toThrow('NAME=VALUE');
    expect(() => parsePairs(['a=1', 'a=2'], '--set')).toThrow('twice');
  });

  it('sets no prototype', () => {
    const pairs = parsePairs(['__proto__={"admin":true}'], '--set');
    expect(Object.keys(pairs)).toEqual(['__proto__']);
    expect((pairs as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe('who is at the keyboard', () => {
  it('is FERRY_USER before the user of the machine', () => {
    expect(currentUser({ env: { FERRY_USER: 'ada' } })).toBe('ada');
    expect(currentUser({ env: {} })).not.toBe('');
  });
});
