import { DefaultLogger, type LogLevel, type Logger } from '@temporalio/worker';
import pino from 'pino';

/** Names under which a secret could come into a log by mistake. Values of secrets are never logged on purpose. */
const REDACTED = ['env', 'secrets', 'apiKey', 'token', 'password', 'authorization', '*.env', '*.secrets', '*.apiKey', '*.token', '*.password', '*.authorization'];

/** JSON lines on stderr: stdout belongs to the command's answer. */
export function createLogger(level: string): pino.Logger {
  return pino({ level, redact: { paths: REDACTED, censor: '[redacted]' }, base: { pid: process.pid } }, pino.destination({ fd: 2, sync: true }));
}

const PINO_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const satisfies Record<LogLevel, pino.Level>;

/** What the SDK says of a worker that polls for activities alone, as ours for jobs do. */
const EXPECTED = ['No workflows registered', 'No Nexus services registered'];

/** The SDK's word for a run that ended by a failure; its error is what the run tells, such as why somebody rejected it. */
const RUN_FAILED = 'Workflow failed';

/**
 * The SDK's logs, workflow logs through their sink included, with their fields. `withholdFailures` leaves out of them why
 * runs failed: a site that encrypts keeps people's words and lines of jobs' logs from whoever collects its logs.
 */
export function temporalLogger(logger: pino.Logger, { withholdFailures = false }: { withholdFailures?: boolean } = {}): Logger {
  return new DefaultLogger(PINO_TO_SDK[logger.level] ?? 'INFO', ({ level, message, meta }) => {
    const { sdkComponent, workflowId, runId, activityType, attempt, taskQueue, error, ...rest } = (meta ?? {}) as Record<string, unknown>;
    const fields = { component: sdkComponent, run: workflowId, executionRunId: runId, activity: activityType, activityAttempt: attempt, queue: taskQueue, err: withholdFailures && message === RUN_FAILED ? `told by: ferry status ${String(workflowId)}` : error, ...rest };
    const { namespace: _n, workflowType: _w, isLocal: _l, activityId: _a, taskToken: _t, ...kept } = fields as Record<string, unknown>;
    logger[EXPECTED.some((start) => message.startsWith(start)) ? 'debug' : PINO_LEVELS[level]](kept, message);
  });
}

const PINO_TO_SDK: Record<string, LogLevel> = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR' };
