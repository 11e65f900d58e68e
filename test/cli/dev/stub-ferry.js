// Stands in for `ferry` where a test is about who starts and ends the worker. Faithful to `ferry worker`: one ready
// line on stdout, logs on stderr, stays, and leaves on SIGTERM. STUB_FAIL makes it refuse its site file instead, STUB_REFUSE
// print that error document on stdout, as with --json.
if (process.argv[2] !== 'worker' || !process.argv.includes('--json')) throw new Error(`unexpected call: ${process.argv.slice(2).join(' ')}`);
if (process.env.STUB_REFUSE) {
  console.log(process.env.STUB_REFUSE);
  process.exit(2);
}
if (process.env.STUB_FAIL) {
  console.error('the site file is wrong');
  process.exit(2);
}
const { FERRY_HOME, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY } = process.env;
console.error(JSON.stringify({ FERRY_HOME, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, args: process.argv.slice(2) }));
setTimeout(() => console.log(JSON.stringify({ ready: true, pid: process.pid, taskQueues: ['ferry'] })), Number(process.env.STUB_DELAY_MS ?? 0));
process.on('SIGTERM', () => process.exit(0));
setInterval(() => undefined, 60_000);
