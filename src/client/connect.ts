import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import { ClientError, EXIT_UNREACHABLE, EXIT_USAGE, messageOf } from './errors.js';
import { pidExists, readDevFile, type Env } from './home.js';

/** A person waits at the prompt, and `ferry status` must answer within 3 s; a server that is up answers in milliseconds. */
const CONNECT_TIMEOUT_MS = 3000;

const GRPC_UNAUTHENTICATED = 16;
const GRPC_PERMISSION_DENIED = 7;

/** Where to look for a server: flags first, then the environment, then the home. */
export interface TargetInput {
  /** `host:port`, from `--address`. */
  address?: string;
  namespace?: string;
  /** A profile of the SDK's configuration file. */
  profile?: string;
  /** The folder whose running `ferry dev` is the last resort. */
  home: string;
  env?: Env;
}

/** Where to connect and with which credentials: enough for a client's connection and for a worker's native one. */
export interface Target {
  address: string;
  namespace: string;
  source: 'flags' | 'environment' | 'ferry dev';
  options: Pick<ConnectionOptions, 'address' | 'metadata'> & { tls?: ClientConnectConfig['connectionOptions']['tls']; apiKey?: string };
  /** The base of links into the Web UI, where it is known. */
  ui: string | null;
}

/** An open connection and where it leads; whoever opened it closes it. */
export interface FerryConnection {
  client: Client;
  connection: Connection;
  namespace: string;
  address: string;
  ui: string | null;
  source: Target['source'];
  close(): Promise<void>;
}

/**
 * The server that flags or the SDK's environment configuration (variables, profile, file) name; undefined when they
 * name none. Connects nowhere.
 * @throws ClientError `connection_config` for a configuration that cannot be used.
 */
export function configuredTarget(input: TargetInput): Target | undefined {
  const config = loadConfig(input);
  const { connectionOptions: configured } = config;
  const address = input.address ?? configured.address;
  if (address === undefined) {
    const profile = input.profile ?? input.env?.['TEMPORAL_PROFILE'];
    if (profile) throw configError(`The profile ${JSON.stringify(profile)} names no address`, `Set it with: temporal config set --profile ${profile} --prop address --value HOST:PORT`);
    return undefined;
  }
  if (/^[a-z]+:\/\//i.test(address)) {
    throw configError(`The server's address ${JSON.stringify(address)} has a scheme`, 'Give HOST:PORT alone, such as --address 127.0.0.1:7233; TLS is set with TEMPORAL_TLS=true or a profile.');
  }
  const { metadata, tls } = configured;
  const apiKey = typeof configured.apiKey === 'string' ? configured.apiKey : undefined;
  return {
    address,
    namespace: input.namespace ?? config.namespace ?? 'default',
    source: input.address === undefined ? 'environment' : 'flags',
    options: { address, metadata, tls, apiKey },
    ui: null,
  };
}

/**
 * Finds the server: the configured one, else the running `ferry dev` of the home. Connects nowhere.
 * @throws ClientError `connection_config` for a configuration that cannot be used, `unreachable` when no server is named.
 */
export async function resolveTarget(input: TargetInput): Promise<Target> {
  const configured = configuredTarget(input);
  const dev = await readDevFile(input.home);
  if (configured !== undefined) return { ...configured, ui: dev?.address === configured.address ? dev.ui : null };

  const runs = dev !== undefined && (pidExists(dev.dev.pid) || (dev.processes.server !== null && pidExists(dev.processes.server.pid)));
  if (!runs) {
    throw new ClientError({
      code: 'unreachable',
      message: `No Temporal server is named, and no ferry dev runs for ${input.home}`,
      hint: 'Start one with: ferry dev, or name a server with --address HOST:PORT or TEMPORAL_ADDRESS.',
      exitCode: EXIT_UNREACHABLE,
    });
  }
  // No TLS, API key or metadata of the environment here: they belong to another server than the one of this machine.
  return { address: dev.address, namespace: input.namespace ?? input.env?.['TEMPORAL_NAMESPACE'] ?? dev.namespace, source: 'ferry dev', options: { address: dev.address }, ui: dev.ui };
}

/**
 * Connects within 3 s or fails. Without a codec encrypted payloads can't be read, and nothing is encrypted.
 * @throws ClientError `unreachable` (exit 4, safe to repeat), `unauthorized` (exit 4), `connection_config` (exit 2).
 */
export async function connect(input: TargetInput & { codec?: PayloadCodec }): Promise<FerryConnection> {
  const target = await resolveTarget(input);
  let connection: Connection;
  try {
    connection = Connection.lazy({ ...target.options, connectTimeout: CONNECT_TIMEOUT_MS });
  } catch (error) {
    throw configError(`The connection to ${target.address} cannot be set up: ${messageOf(error)}`, 'Check the address, the certificate and the key; ferry doctor shows what is in force.', error);
  }
  try {
    // The SDK's own time-out ends with the TCP connection; without this one a server that accepts and stays silent hangs us.
    await within(CONNECT_TIMEOUT_MS, connection.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () => connection.ensureConnected()));
  } catch (error) {
    await connection.close();
    throw connectError(target, error);
  }
  return {
    client: new Client({ connection, namespace: target.namespace, dataConverter: { payloadCodecs: input.codec === undefined ? [] : [input.codec] } }),
    connection,
    namespace: target.namespace,
    address: target.address,
    ui: target.ui,
    source: target.source,
    close: () => connection.close(),
  };
}

function loadConfig({ profile, env = {} }: TargetInput): ClientConnectConfig {
  // A variable that is set to nothing means "not set" in a shell; the SDK would take it as an empty address.
  const variables = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''));
  try {
    return loadClientConnectConfig({ profile, overrideEnvVars: variables });
  } catch (error) {
    throw configError(`The Temporal configuration cannot be used: ${messageOf(error)}`, 'Check --profile, TEMPORAL_PROFILE and TEMPORAL_CONFIG_FILE; temporal config list shows the profiles.', error);
  }
}

function configError(message: string, hint: string, cause?: unknown): ClientError {
  return new ClientError({ code: 'connection_config', message, hint, exitCode: EXIT_USAGE, cause });
}

function connectError(target: Target, error: unknown): ClientError {
  const status = grpcStatus(error);
  if (status === GRPC_UNAUTHENTICATED || status === GRPC_PERMISSION_DENIED) {
    return new ClientError({
      code: 'unauthorized',
      message: `The server at ${target.address} refuses these credentials: ${reasonOf(error)}`,
      hint: 'Check TEMPORAL_API_KEY, the client certificate or the profile, then run: ferry doctor',
      exitCode: EXIT_UNREACHABLE,
      cause: error,
    });
  }
  const hint = {
    'ferry dev': 'It may still be starting; otherwise end it and start again with: ferry dev',
    environment: 'Check TEMPORAL_ADDRESS, the profile and whether the server wants TLS; unset TEMPORAL_ADDRESS to use: ferry dev',
    flags: 'Check --address and whether the server wants TLS (TEMPORAL_TLS=true), or leave the flag out to use: ferry dev',
  }[target.source];
  return new ClientError({
    code: 'unreachable',
    message: `No Temporal server answers at ${target.address} within ${CONNECT_TIMEOUT_MS / 1000} s (${reasonOf(error)})`,
    hint,
    exitCode: EXIT_UNREACHABLE,
    cause: error,
  });
}

/** The gRPC status code that an SDK error carries, itself or as its cause. */
export function grpcStatus(error: unknown): number | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    if ('code' in e && typeof e.code === 'number') return e.code;
  }
  return undefined;
}

/** The SDK wraps what gRPC said; the innermost says most. */
function reasonOf(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner instanceof Error && 'details' in inner && typeof inner.details === 'string' && inner.details !== '' ? inner.details : messageOf(inner);
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('no answer')), ms);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
