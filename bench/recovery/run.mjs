// How fast a run goes on: after a worker's death, after a worker's start, from one job to the next; and how small its
// history stays. usage: node bench/recovery/run.mjs [takeover] [start] [gap] [history]   (default: all)
import assert from 'node:assert/strict';
import { bench, countOption, machine, median, startDevServer, table, verdict } from '../support/bench.mjs';
import { HEARTBEATS_OF_A_DAY, MAX_EVENTS, history, quietRuntime } from './day-long-job.mjs';
import { gaps, workerStarts } from './start-and-gap.mjs';
import { TAKEOVER_SLACK_S, takeover } from './takeover.mjs';

const READY_GOAL_S = 3;
const GAP_GOAL_MS = 1000;
const TAKEOVER_ROUNDS = countOption('takeovers', 5);
const ROUNDS = countOption('rounds', 10);
const DAY = countOption('heartbeats', HEARTBEATS_OF_A_DAY);

const PARTS = ['takeover', 'start', 'gap', 'history'];
const named = process.argv.slice(2).filter((word) => PARTS.includes(word));
const wanted = named.length === 0 ? PARTS : named;

const row = (what, values, digits, unit, goal) => {
  const show = (value) => value.toFixed(digits);
  return [what, values.length, `${show(median(values))} ${unit}`, `${show(Math.min(...values))} – ${show(Math.max(...values))} ${unit}`, `${goal} ${unit}`, verdict(median(values) <= goal)];
};

await bench(async (scope) => {
  const server = await startDevServer(scope);
  const rows = [];
  console.log(`${machine(server.version)}\n`);
  if (wanted.includes('start')) rows.push(row('worker start → ready', await workerStarts(scope, server, { rounds: ROUNDS }), 2, 's', READY_GOAL_S));
  if (wanted.includes('gap')) rows.push(row('job end → next job’s start', await gaps(scope, server, { rounds: ROUNDS }), 0, 'ms', GAP_GOAL_MS));
  for (const heartbeatTimeoutS of wanted.includes('takeover') ? [15, 4] : []) {
    const seconds = await takeover(scope, server, { heartbeatTimeoutS, rounds: TAKEOVER_ROUNDS });
    rows.push(row(`kill −9 of the watching worker → watched again (heartbeat time-out ${heartbeatTimeoutS} s)`, seconds, 1, 's', heartbeatTimeoutS + TAKEOVER_SLACK_S));
  }
  if (rows.length > 0) console.log(`${table(['', 'rounds', 'median', 'least – most', 'goal', 'by the median'], rows)}\n`);

  if (wanted.includes('history')) {
    quietRuntime();
    const short = await history(scope, server, { heartbeats: 1 });
    const day = await history(scope, server, { heartbeats: DAY });
    const line = (what, heartbeats, { events, bytes }) => [what, heartbeats, events, bytes, `${MAX_EVENTS} events`, verdict(events <= MAX_EVENTS)];
    console.log(table(['history of a one-stage run', 'heartbeats', 'events', 'bytes', 'goal', ''], [line('a job of a moment', 1, short), line(`a job of ${+(DAY / 1800).toFixed(2)} h (compressed)`, DAY, day)]));
    console.log(`\n${DAY} heartbeats took ${day.seconds.toFixed(0)} s`);
    assert.ok(day.events <= MAX_EVENTS, `${day.events} events`);
    assert.equal(day.events, short.events, 'a long job costs as many events as a short one');
  }
});
