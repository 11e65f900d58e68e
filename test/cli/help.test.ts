import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/registry.js';
import { importsOf, resolveImport, sourceFiles } from '../support/sources.js';
import { call } from './call.js';

describe('the help', () => {
  it('of ferry itself lists every command, the common options and examples', async () => {
    const { code, out, err } = await call(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatchSnapshot();
    for (const { name } of COMMANDS) expect(out).toContain(`  ${name} `);
    expect(await call(['help'])).toEqual({ code, out, err });
  });

  it('is an answer with exit 2 on stderr for a call without a command', async () => {
    const { code, out, err } = await call([]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Usage: ferry');
  });

  it.each(COMMANDS.map(({ name }) => name))('of %s is as it was, and has examples', async (name) => {
    const { code, out, err } = await call([...name.split(' '), '--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('Examples:');
    expect(out).toMatchSnapshot();
    expect(await call(['help', ...name.split(' ')])).toEqual({ code, out, err });
  });

  it.each(['jobs', 'artifact', 'release'])('of the group %s lists its commands', async (group) => {
    expect((await call([group, '--help'])).out).toMatchSnapshot();
    expect(await call([group])).toMatchObject({ code: 2, out: '' });
  });

  it('loads no package and no command: it is as fast as node itself', () => {
    const files = new Map(sourceFiles('src').map((file) => [file.path, file]));
    const reached = new Set<string>();
    const packages = new Set<string>();
    const walk = (path: string): void => {
      const file = files.get(path);
      if (file === undefined || reached.has(path)) return;
      reached.add(path);
      for (const { specifier, kind } of importsOf(file)) {
        if (kind !== 'value') continue;
        if (specifier.startsWith('.')) walk(resolveImport(path, specifier) ?? specifier);
        else packages.add(specifier);
      }
    };
    walk('src/cli/index.ts');
    expect([...packages]).toEqual([]);
    expect([...reached].filter((path) => path.startsWith('src/cli/commands/'))).toEqual([]);
  });
});

describe('the version', () => {
  it.each(['--version', '-V'])('is the package’s for %s', async (flag) => {
    expect(await call([flag])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' });
  });
});
