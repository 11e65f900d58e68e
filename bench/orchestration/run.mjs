// Five no-op stages as (a) plain Temporal activities and (b) a pipeline of modelferry's public pieces, interleaved on one
// quiet dev server and one worker process. Each has a bundle of its own, so that (a) loads nothing of (b).
// usage: node bench/orchestration/run.mjs [--rounds 20]
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { bench, countOption, machine, median, quantile, startDevServer, startProgram, table, verdict } from '../support/bench.mjs';

/** (b) may take this many times the time of (a). */
const GOAL = 1.25;
const WARM_UP = 3;
const ROUNDS = countOption('rounds', 20);

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const silent = Object.fromEntries(['log', 'trace', 'debug', 'info', 'warn'].map((level) => [level, () => undefined]));

/** As `ferry start` starts a run: its uid is in the memo as well. */
function pipelineStart() {
  const runUid = randomUUID();
  const spec = { schema: 'modelferry.run/1', model: 'noop', version: '1', stages: { preflight: {} } };
  return { args: [{ v: 1, runUid, requestedBy: 'bench', spec }], memo: { runUid } };
}

async function once(client, { type, queue, start }) {
  const from = process.hrtime.bigint();
  const handle = await client.workflow.start(type, { workflowId: `${queue}-${randomUUID()}`, taskQueue: queue, ...start(), workflowExecutionTimeout: '1 minute' });
  await handle.result();
  return { handle, seconds: Number(process.hrtime.bigint() - from) / 1e9 };
}

/** That (b) did what a run does: attributes in the list, details in the UI, an answer to the query. */
async function check(handle) {
  const state = await handle.query('state');
  assert.equal(state.status, 'completed');
  assert.deepEqual(Object.values(state.stages).map((stage) => stage.state), Array(5).fill('done'));
  const metadata = await handle.query('__temporal_workflow_metadata');
  assert.match(metadata.currentDetails, /noop 1.*completed/);
  const { searchAttributes } = await handle.describe();
  assert.deepEqual(searchAttributes.FerryStage, ['completed']);
}

await bench(async (scope) => {
  const before = loadavg()[0];
  const { address, home, client, version } = await startDevServer(scope);
  const kinds = [
    { label: '(a) plain Temporal', queue: 'plain', type: 'plain', start: () => ({}) },
    // As scripts/bundle-workflows.mjs makes the bundle that ships.
    { label: '(b) pipeline', queue: 'pipeline', type: 'pipeline', start: pipelineStart, preloadModules: [here('../../dist/domain/preload.js')] },
  ].map((kind) => ({ ...kind, runs: [] }));
  const bundles = {};
  for (const { queue, type, preloadModules } of kinds) {
    const { code } = await bundleWorkflowCode({ workflowsPath: here(`${type}.workflow.mjs`), preloadModules, logger: { ...silent, error: console.error } });
    bundles[queue] = join(home, `${queue}.js`);
    await writeFile(bundles[queue], code);
  }
  await startProgram(scope, { args: [here('worker.mjs'), address, JSON.stringify(bundles)], logPath: join(home, 'worker.log') }).ready;

  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const kind of kinds) {
      scope.signal.throwIfAborted();
      const run = await once(client, kind);
      if (round >= 0) kind.runs.push(run);
    }
  }
  const [plain, pipeline] = kinds;
  await check(pipeline.runs.at(-1).handle);

  const rows = [];
  const seconds = ({ runs }) => runs.map((run) => run.seconds);
  const ratio = (kind) => median(seconds(kind)) / median(seconds(plain));
  for (const kind of kinds) {
    const sizes = await Promise.all(kind.runs.map(({ handle }) => handle.describe()));
    const spread = [0.1, 0.9].map((share) => quantile(seconds(kind), share).toFixed(3)).join(' – ');
    rows.push([kind.label, median(seconds(kind)).toFixed(3), spread, `${ratio(kind).toFixed(2)} ×`, median(sizes.map((d) => d.historyLength)), Math.round(median(sizes.map((d) => d.historySize)))]);
  }
  console.log(`${machine(version)}\nfive no-op stages, ${ROUNDS} runs each, interleaved; load average ${before.toFixed(1)} at the start, ${loadavg()[0].toFixed(1)} at the end\n`);
  console.log(table(['', 'seconds (median)', '10 % – 90 %', 'of (a)', 'events', 'bytes of history'], rows));
  console.log(`\nthe goal is at most ${GOAL} ×: ${pipeline.label} ${verdict(ratio(pipeline) <= GOAL)}`);
});
