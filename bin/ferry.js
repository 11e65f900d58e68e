#!/usr/bin/env node
// Plain JavaScript, so that it runs from a checkout; dist/ is built by `npm ci`.
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  // Answered here: loading anything else would cost more than the answer.
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.write(`${version}\n`);
} else {
  const entry = new URL('../dist/bundle/ferry.js', import.meta.url);
  if (existsSync(entry)) {
    // Since Node 22.8: compiled code is kept from call to call.
    module.enableCompileCache?.();
    const { runProcess } = await import(entry.href);
    await runProcess(args);
  } else {
    process.stderr.write('ferry is not built yet: run npm ci (or npm run build) in its folder first\n');
    process.exitCode = 2;
  }
}
