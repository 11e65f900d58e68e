// A CPU server of the tiny-llama example: OpenAI's completions over a Hugging Face Llama directory. It never computes on an
// accelerator; as a job of the backend `ascend` it only stands in for one, and says "simulated Ascend" wherever it is asked.
//
// As a job: the folder is the input that the parameter `serve` names, the port FERRY_PORT (any free one without it).
// By hand: node serve.mjs --model DIR [--port N]
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { ConfigurationError, EXIT, input, readParams, report, runJob, type Environment } from '../contract.js';
import { UnsupportedModelError } from '../model/config.js';
import { loadModel, type LoadedModel } from '../model/load-model.js';
import { ParamReader } from '../param-reader.js';
import { createModelServer } from './http-server.js';

interface Options {
  folder: string;
  port: number;
  /** Its name in requests. */
  name: string;
  /** Positions to hold at most. */
  maxModelLen: number;
}

function optionsOf(argv: string[], env: Environment): Options {
  const { values } = parseArgs({ args: argv, options: { model: { type: 'string' }, port: { type: 'string' }, name: { type: 'string' } } });
  const params = values.model === undefined ? readParams(env) : {};
  const read = new ParamReader({ ...params, ...(values.port === undefined && env['FERRY_PORT'] === undefined ? {} : { port: Number(values.port ?? env['FERRY_PORT']) }) });
  const serve = read.choice('serve', 'model', ['model', 'checkpoint']);
  const port = read.number('port', 0, { min: 0, max: 65535 });
  const maxModelLen = read.number('maxModelLen', 2048, { min: 1, max: 1_000_000 });
  read.done();
  return { folder: values.model ?? input(env, serve.toUpperCase()), port, name: values.name ?? 'tiny-llama', maxModelLen };
}

function load({ folder, maxModelLen }: Options): LoadedModel {
  try {
    return loadModel(folder, maxModelLen);
  } catch (error) {
    if (error instanceof UnsupportedModelError) throw new ConfigurationError(error.message);
    throw error;
  }
}

async function serve(env: Environment): Promise<number> {
  const options = optionsOf(process.argv.slice(2), env);
  const loaded = load(options);
  const ascend = env['FERRY_BACKEND'] === 'ascend';
  const server = createModelServer(loaded, { model: options.name, ownedBy: ascend ? 'modelferry (simulated ascend)' : 'modelferry example (cpu)' });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  console.log(`${ascend ? 'simulated Ascend (a CPU server, not an Ascend device)' : 'CPU server'}: ${options.folder}, up to ${loaded.decoder.capacity} tokens, at ${url}`);
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  report(env, { ready: { url } });
  await stopped;
  console.log('stopped as asked');
  server.close();
  server.closeAllConnections();
  return EXIT.done;
}

process.exitCode = await runJob(() => serve(process.env));
// A request that is being answered must not hold the process.
process.exit();
